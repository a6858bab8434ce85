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

// ExternalURLs signs URLs of external media. Use it only on servers: the key allows making the service fetch any URL.
type ExternalURLs struct {
	// BaseURL is the public URL of the service, with or without a trailing slash.
	BaseURL string
	// SecretKey is the secretKey of the service, or the first of several.
	SecretKey string
	// SignsParameters makes the signature cover the parameters too (v3), so that a URL cannot be changed to request
	// another rendition. Without it (v2) one signature is valid for every size.
	SignsParameters bool
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Expiry specifies when a URL expires.
type Expiry struct {
	// In is the minimum lifetime of the URL. Zero means that it never expires.
	In time.Duration
	// Bucket is a number of whole seconds. The expiry time is rounded up to a multiple of it, so that URLs made in one
	// bucket are identical and caches keep hitting. Zero means an hour.
	Bucket time.Duration
}

const maxURLLength = 8192

var (
	farURLs = regexp.MustCompile(
		`(?is)^https?://(?:[^/?#\\]*@)?(\[[0-9A-F:.]+\]|[^/?#\\@:\[\]]+)(?::([0-9]{0,5}))?(?:[/?#\\].*)?$`,
	)
	forbiddenInHosts = regexp.MustCompile("[\\x00-\\x20\\x7f\"<>^`{|}%]")
)

// Sign returns a signed URL. It fails for anything but an absolute http or https URL, and for parameters that the
// service would reject.
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

// at returns the expiry time in Unix seconds.
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
			// The service encodes the byte as three characters.
			length += 2
		}
	}
	if length > maxURLLength {
		return errors.New("a URL that is too long")
	}
	return nil
}

// AttachmentURLs signs URLs of attachments. Use it only on servers.
type AttachmentURLs struct {
	BaseURL string
	// Secret is the attachmentSecrets of the service in base64, or the first of several.
	Secret string
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

const (
	lifetimeSeconds = 86_400
	// URLs issued in one interval of this grid are identical, so that browsers can use their caches.
	gridSeconds = 43_200
	// The epoch of attachment ids. The bits above the lowest 22 of an id count milliseconds since this time.
	snowflakeEpochSeconds = 1_420_070_400
)

// Sign returns a URL that is valid for 12 to 24 hours. The path is the decoded object key below attachments/.
func (urls AttachmentURLs) Sign(path string, parameters Transformation) (string, error) {
	issued := issueTime(path, now(urls.Now).Unix())
	return urls.sign(path, parameters, hexSeconds(issued+lifetimeSeconds), hexSeconds(issued), "")
}

// SignForDataPackage returns a URL that never expires.
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

// issueTime returns the last grid point that is not in the future. The grid starts at the creation time in the id of the
// attachment.
func issueTime(path string, now int64) int64 {
	segments := strings.Split(path, "/")
	start := int64(0)
	if len(segments) > 1 {
		if name := segments[len(segments)-2]; snowflakes.MatchString(name) {
			// A number of more than 64 bits is not an id.
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

// UploadURLs signs URLs for the upload relay. A client may PUT one object to each. Use it only on servers.
type UploadURLs struct {
	BaseURL string
	// Secret is the uploadRelaySecret of the service in base64, or the first of several.
	Secret string
	// Bucket is the s3.bucketUploads of the service. Empty means uploads.
	Bucket string
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Upload specifies what an upload URL allows.
type Upload struct {
	// MaxBytes is the maximum size of the body. The limit of the service applies too.
	MaxBytes int64
	// ExpiresIn is the lifetime of the URL.
	ExpiresIn time.Duration
	// ContentType is the type that the object is stored with, regardless of the type that the client sends.
	ContentType string
	// UploadID and PartNumber (1 to 10000) select one part of a multipart upload that exists in the store.
	UploadID   string
	PartNumber int
}

const (
	maxPartNumber     = 10_000
	maxUploadIDLength = 1024
)

// claims are serialised in the same order by all clients.
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

// Sign returns the upload URL of an object. The key is decoded.
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
	// The clients in other languages do not escape HTML characters.
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

// decodeSecret decodes standard or URL-safe base64, with or without padding.
func decodeSecret(secret string) ([]byte, error) {
	text := strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(secret, "="))
	key, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(key) == 0 {
		return nil, errors.New("a secret that is empty or no base64")
	}
	return key, nil
}
