package mediaproxy

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Client asks the internal endpoints, for API servers. Every method has a time limit for its whole answer and gives an
// *Error for what ends otherwise. Goroutines may share a client.
type Client struct {
	// BaseURL is where the service is reached, with or without a slash at its end.
	BaseURL string
	// SecretKey is one of the service's secrets: it opens everything below.
	SecretKey string
	// Timeout is the longest wait for a whole answer; 30 seconds where it is zero.
	Timeout time.Duration
	// HTTPClient sends the requests; http.DefaultClient where it is nil. Its redirects are not followed.
	HTTPClient *http.Client
}

// The codes of errors.
const (
	// Refused is 400: the request, or media that the service does not take.
	Refused = "refused"
	// Unauthorized is 401 or 403.
	Unauthorized = "unauthorized"
	NotFound     = "not-found"
	TooLarge     = "too-large"
	RateLimited  = "rate-limited"
	// Unavailable is 5xx: the service, its store, or an upstream; worth another try.
	Unavailable = "unavailable"
	// Timeout is no answer, or no end of one, within the time limit.
	Timeout = "timeout"
	// Canceled is the caller's own context.
	Canceled = "canceled"
	// Unreachable is no connection, an answer that breaks off, or a redirect.
	Unreachable = "unreachable"
	// Unexpected is an answer that is none of this service's.
	Unexpected = "unexpected"
)

// Error tells how a call ended without what it asked for.
type Error struct {
	// Code is one of the codes above.
	Code string
	// Message is the service's phrase, or what went wrong before there was one.
	Message string
	// Status is that of the answer; zero where there was none.
	Status int
	// RetryAfter tells when another try makes sense; zero where it is not told.
	RetryAfter time.Duration
	// RequestID is the request's name in the logs of the service.
	RequestID string
	cause     error
}

func (failure *Error) Error() string { return "media proxy: " + failure.Code + ": " + failure.Message }

func (failure *Error) Unwrap() error { return failure.cause }

// Source is what metadata and frames can be asked of.
type Source struct {
	Type           string `json:"type"`
	URL            string `json:"url,omitempty"`
	UploadFilename string `json:"upload_filename,omitempty"`
	Base64         string `json:"base64,omitempty"`
	Bucket         string `json:"bucket,omitempty"`
	Key            string `json:"key,omitempty"`
	// Filename tells types apart that bytes cannot tell apart.
	Filename string `json:"filename,omitempty"`
}

// ExternalSource is media elsewhere.
func ExternalSource(url string) Source { return Source{Type: "external", URL: url} }

// UploadSource is an object in the bucket of uploads.
func UploadSource(key string) Source { return Source{Type: "upload", UploadFilename: key} }

// BytesSource is media that are sent along.
func BytesSource(media []byte) Source {
	return Source{Type: "base64", Base64: base64.StdEncoding.EncodeToString(media)}
}

// StoredSource is an object in one of the configured buckets.
func StoredSource(bucket, key string) Source { return Source{Type: "s3", Bucket: bucket, Key: key} }

// MetadataOptions may be left empty.
type MetadataOptions struct {
	// NSFW is block, flag or allow, which does not scan; flag where it is empty.
	NSFW string
	// Extras are answered only where they are asked for: codecs, blurhash, palette, phash, waveform.
	Extras []string
	// WithBytes answers the bytes too; not of what was sent along.
	WithBytes bool
}

// Metadata is what a file is. Fields that do not apply are zero.
type Metadata struct {
	Format      string `json:"format"`
	ContentType string `json:"content_type"`
	// ContentHash is the lower-case hexadecimal SHA-256 of the bytes.
	ContentHash string `json:"content_hash"`
	// Size is in bytes.
	Size int64 `json:"size"`
	// Width and Height are pixels of one frame, upright.
	Width  int `json:"width"`
	Height int `json:"height"`
	// Duration is in whole seconds, rounded up.
	Duration int `json:"duration"`
	// Placeholder is a ThumbHash.
	Placeholder []byte `json:"placeholder"`
	Animated    bool   `json:"animated"`
	Codecs      struct {
		Video string `json:"video"`
		Audio string `json:"audio"`
	} `json:"codecs"`
	BlurHash string `json:"blurhash"`
	// Palette has up to five colours as #rrggbb, the most frequent first.
	Palette []string `json:"palette"`
	// PHash is 64 bits as 16 hexadecimal digits: pictures that look alike differ in few of them.
	PHash string `json:"phash"`
	// Waveform has the peak of each 1/256 of the duration.
	Waveform        []byte  `json:"waveform"`
	NSFW            bool    `json:"nsfw"`
	NSFWProbability float64 `json:"nsfw_probability"`
	// NSFWPredictions is empty where nothing was scanned.
	NSFWPredictions map[string]float64 `json:"nsfw_predictions"`
	Bytes           []byte             `json:"base64"`
}

// StillFrame is one of a video or an animation.
type StillFrame struct {
	// Timestamp is in seconds from the start.
	Timestamp float64 `json:"timestamp"`
	MIMEType  string  `json:"mime_type"`
	Bytes     []byte  `json:"base64"`
}

// Preparation is what became of the renditions that were to be made ahead, each by its path.
type Preparation struct {
	Ready  []string `json:"ready"`
	Queued []string `json:"queued"`
	// Refused are those for which too many are waiting: ask again.
	Refused []string `json:"refused"`
}

// Metadata tells what a file is: format, size, hash, placeholder, scan.
func (client *Client) Metadata(
	ctx context.Context,
	source Source,
	options MetadataOptions,
) (*Metadata, error) {
	nsfw := options.NSFW
	if nsfw == "" {
		nsfw = "flag"
	}
	body := struct {
		Source
		Version    int      `json:"version"`
		NSFW       string   `json:"nsfw"`
		Extras     []string `json:"extras,omitempty"`
		WithBase64 bool     `json:"with_base64,omitempty"`
	}{source, 2, nsfw, options.Extras, options.WithBytes}
	var metadata Metadata
	err := client.askJSON(ctx, "/_metadata", body, &metadata,
		"format", "content_type", "content_hash", "size", "nsfw", "nsfw_probability", "nsfw_predictions")
	if err != nil {
		return nil, err
	}
	return &metadata, nil
}

// Thumbnail is the first frame of an uploaded video that decodes, as JPEG.
func (client *Client) Thumbnail(ctx context.Context, uploadFilename string) ([]byte, error) {
	return client.ask(ctx, "/_thumbnail", UploadSource(uploadFilename))
}

// Sniff tells the type of an upload by its first bytes; empty for what the service does not accept.
func (client *Client) Sniff(ctx context.Context, uploadFilename string) (string, error) {
	body := map[string]string{"upload_filename": uploadFilename}
	var answer struct {
		ContentType *string `json:"content_type"`
	}
	err := client.askJSON(ctx, "/_sniff", body, &answer, "content_type")
	if err != nil || answer.ContentType == nil {
		return "", err
	}
	return *answer.ContentType, nil
}

// Frames gives three of a video or animation, the picture itself of a still one, none of what cannot be read.
func (client *Client) Frames(ctx context.Context, source Source) ([]StillFrame, error) {
	var answer struct {
		Frames []StillFrame `json:"frames"`
	}
	if err := client.askJSON(ctx, "/_frames", source, &answer, "frames"); err != nil {
		return nil, err
	}
	for _, frame := range answer.Frames {
		if frame.MIMEType == "" || frame.Bytes == nil {
			return nil, otherForm(nil)
		}
	}
	return answer.Frames, nil
}

// Prepare has renditions of an object made ahead: paths with their queries, at most 64.
func (client *Client) Prepare(
	ctx context.Context,
	object string,
	renditions []string,
) (*Preparation, error) {
	body := map[string]any{"object": object, "renditions": renditions}
	var preparation Preparation
	err := client.askJSON(ctx, "/_prepare", body, &preparation, "ready", "queued", "refused")
	if err != nil {
		return nil, err
	}
	return &preparation, nil
}

// PurgeObject forgets every rendition of an object, in all caches, and answers how many.
func (client *Client) PurgeObject(ctx context.Context, key string) (int, error) {
	return client.purge(ctx, map[string]string{"object": key})
}

// PurgeExternal forgets every rendition of an external URL, in all caches, and answers how many.
func (client *Client) PurgeExternal(ctx context.Context, url string) (int, error) {
	return client.purge(ctx, map[string]string{"external": url})
}

func (client *Client) purge(ctx context.Context, body any) (int, error) {
	var answer struct {
		Removed int `json:"removed"`
	}
	err := client.askJSON(ctx, "/_purge", body, &answer, "removed")
	return answer.Removed, err
}

// askJSON reads an answer that has to have the required members; only content_type may be null.
func (client *Client) askJSON(
	ctx context.Context,
	path string,
	body, answer any,
	required ...string,
) error {
	content, err := client.ask(ctx, path, body)
	if err != nil {
		return err
	}
	var members map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(content, &members), json.Unmarshal(content, answer)); err != nil {
		return otherForm(err)
	}
	for _, name := range required {
		member, found := members[name]
		if !found || string(member) == "null" && name != "content_type" {
			return otherForm(nil)
		}
	}
	return nil
}

func otherForm(cause error) *Error {
	return &Error{Code: Unexpected, Message: "the answer has not the form of this endpoint", cause: cause}
}

const defaultTimeout = 30 * time.Second

func (client *Client) ask(ctx context.Context, path string, body any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	timeout := client.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(
		limited, http.MethodPost, base(client.BaseURL)+path, bytes.NewReader(text),
	)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Internal-Secret", client.SecretKey)
	response, err := client.sender().Do(request)
	if err != nil {
		return nil, broken(ctx, limited, err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, broken(ctx, limited, err)
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return nil, refused(response, content)
	}
	return content, nil
}

// sender follows no redirect: it would carry the secret to wherever it leads.
func (client *Client) sender() *http.Client {
	sender := http.Client{}
	if client.HTTPClient != nil {
		sender = *client.HTTPClient
	}
	sender.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &sender
}

func broken(ctx, limited context.Context, cause error) *Error {
	switch {
	case ctx.Err() != nil:
		return &Error{Code: Canceled, Message: "the caller ended the call", cause: cause}
	case limited.Err() != nil || errors.Is(cause, context.DeadlineExceeded):
		return &Error{Code: Timeout, Message: "no whole answer within the time limit", cause: cause}
	default:
		return &Error{Code: Unreachable, Message: cause.Error(), cause: cause}
	}
}

// The longest phrase that is passed on, in bytes: an answer of something else may be a whole page.
const maxPhrase = 200

func refused(response *http.Response, content []byte) *Error {
	failure := &Error{
		Code:      codeOf(response.StatusCode),
		Message:   strings.ToValidUTF8(string(content[:min(len(content), maxPhrase)]), ""),
		Status:    response.StatusCode,
		RequestID: response.Header.Get("X-Request-Id"),
	}
	if failure.Code == Unreachable {
		failure.Message = fmt.Sprintf("a redirect (%d)", response.StatusCode)
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
		failure.RetryAfter = time.Duration(seconds) * time.Second
	}
	return failure
}

func codeOf(status int) string {
	switch {
	case status >= 500:
		return Unavailable
	case status >= 300 && status < 400:
		return Unreachable
	}
	switch status {
	case http.StatusBadRequest:
		return Refused
	case http.StatusUnauthorized, http.StatusForbidden:
		return Unauthorized
	case http.StatusNotFound:
		return NotFound
	case http.StatusRequestEntityTooLarge:
		return TooLarge
	case http.StatusTooManyRequests:
		return RateLimited
	default:
		return Unexpected
	}
}
