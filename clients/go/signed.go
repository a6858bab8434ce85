package mediaproxy

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ExternalURLs signs URLs of media elsewhere. On servers only: who has the key can make the service fetch.
type ExternalURLs struct {
	// BaseURL is where clients reach the service, with or without a slash at its end.
	BaseURL string
	// SecretKey is the service's secretKey; of several, the first.
	SecretKey string
	// SignsParameters has the signature cover the parameters too (v3), so that nobody can ask for another rendition by
	// it. Without (v2) one signature serves every size.
	SignsParameters bool
	// Now is the clock; time.Now where it is nil.
	Now func() time.Time
}

// Expiry is the end of a URL's life.
type Expiry struct {
	// In is how long the URL is good at least; zero for ever.
	In time.Duration
	// Bucket rounds the moment up to a multiple of whole seconds, so that the URLs made in one bucket are the same and
	// caches keep hitting. An hour where it is zero.
	Bucket time.Duration
}

const maxURLLength = 8192

var (
	farURLs = regexp.MustCompile(
		`(?is)^https?://(?:[^/?#\\]*@)?(\[[0-9A-F:.]+\]|[^/?#\\@:\[\]]+)(?::([0-9]{0,5}))?(?:[/?#\\].*)?$`,
	)
	forbiddenInHosts = regexp.MustCompile("[\\x00-\\x20\\x7f\"<>^`{|}%]")
)

// Sign fails for anything but an absolute http or https URL, and for parameters that the service would refuse.
func (urls ExternalURLs) Sign(url string, parameters Transformation, expiry Expiry) (string, error) {
	if err := checkFarURL(url); err != nil {
		return "", err
	}
	pairs, err := parameters.pairs()
	if err != nil {
		return "", err
	}
	var signed []pair
	if expiry.In != 0 {
		signed = []pair{{"ex", strconv.FormatInt(expiry.at(now(urls.Now)), 10)}}
		pairs = append(signed, pairs...)
	}
	version := "v2/"
	if urls.SignsParameters {
		version, signed = "v3/", pairs
	}
	target := version + base64.RawURLEncoding.EncodeToString([]byte(url))
	message := target
	if len(signed) > 0 {
		message += "?" + messageOf(signed)
	}
	signature := base64.RawURLEncoding.EncodeToString(mac([]byte(urls.SecretKey), message))
	return base(urls.BaseURL) + "/external/" + signature + "/" + target + queryOf(pairs), nil
}

// at gives unix seconds.
func (expiry Expiry) at(now time.Time) int64 {
	bucket := int64(expiry.Bucket / time.Second)
	if expiry.Bucket == 0 {
		bucket = 3600
	}
	bucket = max(bucket, 1)
	end := now.Add(expiry.In)
	seconds := end.Unix()
	if end.Nanosecond() > 0 {
		seconds++
	}
	return (seconds + bucket - 1) / bucket * bucket
}

func checkFarURL(url string) error {
	match := farURLs.FindStringSubmatch(url)
	if match == nil || !utf8.ValidString(url) || forbiddenInHosts.MatchString(match[1]) {
		return errors.New("only absolute http and https URLs can be signed")
	}
	if port, err := strconv.Atoi("0" + match[2]); err != nil || port > 65_535 {
		return errors.New("a URL with a port that there is not")
	}
	length := 0
	for _, char := range []byte(url) {
		length++
		if char >= utf8.RuneSelf {
			// The service encodes it.
			length += 2
		}
	}
	if length > maxURLLength {
		return errors.New("a URL that is too long")
	}
	return nil
}

// AttachmentURLs signs URLs of attachments. On servers only.
type AttachmentURLs struct {
	BaseURL string
	// Secret is the service's attachmentSecrets, in base64; of several, the first.
	Secret string
	// Now is the clock; time.Now where it is nil.
	Now func() time.Time
}

const (
	lifetimeSeconds = 86_400
	// URLs made in one cell of the grid are the same, so that browsers keep what they have.
	gridSeconds = 43_200
	// Of the ids of attachments, which count milliseconds from here above their lowest 22 bits.
	snowflakeEpochSeconds = 1_420_070_400
)

// Sign makes a URL that is good for 12 to 24 hours. The path is the object's key below attachments/, decoded.
func (urls AttachmentURLs) Sign(path string, parameters Transformation) (string, error) {
	issued := issueTime(path, now(urls.Now).Unix())
	return urls.sign(path, parameters, hexSeconds(issued+lifetimeSeconds), hexSeconds(issued), "")
}

// SignForDataPackage makes a URL that is good for ever.
func (urls AttachmentURLs) SignForDataPackage(path string) (string, error) {
	return urls.sign(path, Transformation{}, hexSeconds(0), hexSeconds(now(urls.Now).Unix()), "dp")
}

func (urls AttachmentURLs) sign(
	path string,
	parameters Transformation,
	expires, issued, use string,
) (string, error) {
	encoded, err := attachmentPath(path)
	if err != nil {
		return "", err
	}
	secret, err := decodeSecret(urls.Secret)
	if err != nil {
		return "", err
	}
	more, err := parameters.pairs()
	if err != nil {
		return "", err
	}
	lines := []string{"fluxer-attachment-url-v1", expires, issued, use, "attachments/" + path}
	if use != "" {
		expires = "0"
		more = append([]pair{{"uc", use}}, more...)
	}
	signature := hex.EncodeToString(mac(secret, strings.Join(lines, "\n")))
	pairs := append([]pair{{"ex", expires}, {"is", issued}, {"hm", signature}}, more...)
	return base(urls.BaseURL) + encoded + queryOf(pairs), nil
}

var snowflakes = regexp.MustCompile(`^[0-9]{15,20}$`)

// issueTime is the last point of the grid that is not to come. It begins when the attachment's id was made.
func issueTime(path string, now int64) int64 {
	segments := strings.Split(path, "/")
	start := int64(0)
	if len(segments) > 1 {
		if name := segments[len(segments)-2]; snowflakes.MatchString(name) {
			// More than 64 bits are no id of the service's.
			if id, err := strconv.ParseUint(name, 10, 64); err == nil {
				start = int64(id>>22)/1000 + snowflakeEpochSeconds
			}
		}
	}
	if now < start {
		return start
	}
	return start + (now-start)/gridSeconds*gridSeconds
}

func hexSeconds(seconds int64) string { return fmt.Sprintf("%08x", seconds) }

// UploadURLs signs URLs that an app may PUT one object to, through the relay. On servers only.
type UploadURLs struct {
	BaseURL string
	// Secret is the service's uploadRelaySecret, in base64; of several, the first.
	Secret string
	// Bucket is the service's s3.bucketUploads; uploads where it is empty.
	Bucket string
	// Now is the clock; time.Now where it is nil.
	Now func() time.Time
}

// Upload is what a URL of an upload allows.
type Upload struct {
	// MaxBytes is the most that is taken; the service's own limit holds beside it.
	MaxBytes int64
	// ExpiresIn is how long the URL is good.
	ExpiresIn time.Duration
	// ContentType is the type under which the object is stored; what the app says of it does not count.
	ContentType string
	// UploadID and PartNumber (1 to 10000) name one part of a multipart upload that the store knows.
	UploadID   string
	PartNumber int
}

const (
	maxPartNumber     = 10_000
	maxUploadIDLength = 1024
)

// claims are in the order in which all clients write them.
type claims struct {
	Bucket      string `json:"b"`
	Key         string `json:"k"`
	Method      string `json:"m"`
	UploadID    string `json:"u,omitempty"`
	PartNumber  int    `json:"p,omitempty"`
	ContentType string `json:"ct,omitempty"`
	MaxBytes    int64  `json:"mb"`
	ExpiresAt   int64  `json:"e"`
}

// Sign makes the URL of an object by its key, decoded.
func (urls UploadURLs) Sign(key string, upload Upload) (string, error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	if upload.MaxBytes < 0 {
		return "", errors.New("no number of bytes")
	}
	secret, err := decodeSecret(urls.Secret)
	if err != nil {
		return "", err
	}
	var part []pair
	if upload.UploadID != "" || upload.PartNumber != 0 {
		length := utf8.RuneCountInString(upload.UploadID)
		if length == 0 || length > maxUploadIDLength {
			return "", errors.New("a part belongs to an upload: its id has 1 to 1024 characters")
		}
		if upload.PartNumber < 1 || upload.PartNumber > maxPartNumber {
			return "", errors.New("a part has a number from 1 to 10000")
		}
		part = []pair{{"uploadId", upload.UploadID}, {"partNumber", strconv.Itoa(upload.PartNumber)}}
	}
	bucket := urls.Bucket
	if bucket == "" {
		bucket = "uploads"
	}
	text, err := encodeClaims(claims{
		bucket, key, "put",
		upload.UploadID, upload.PartNumber, upload.ContentType,
		upload.MaxBytes, now(urls.Now).Add(upload.ExpiresIn).Unix(),
	})
	if err != nil {
		return "", err
	}
	token := text + "." + base64.RawURLEncoding.EncodeToString(mac(secret, text))
	query := queryOf(append([]pair{{"t", token}}, part...))
	return base(urls.BaseURL) + "/v1/relay/" + encodeComponent(key) + query, nil
}

func encodeClaims(claims claims) (string, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	// As other languages write it.
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(claims); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(bytes.TrimSpace(text.Bytes())), nil
}

func now(clock func() time.Time) time.Time {
	if clock == nil {
		return time.Now()
	}
	return clock()
}

func mac(key []byte, message string) []byte {
	hash := hmac.New(sha256.New, key)
	hash.Write([]byte(message))
	return hash.Sum(nil)
}

// decodeSecret reads base64, standard or of URLs, padded or not.
func decodeSecret(secret string) ([]byte, error) {
	text := strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(secret, "="))
	key, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(key) == 0 {
		return nil, errors.New("a secret that is empty or no base64")
	}
	return key, nil
}
