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

// Client calls the internal endpoints, for API servers. Every method has a timeout for the whole response and returns
// an *Error when the call fails. Goroutines may share a client.
type Client struct {
	// BaseURL is the URL of the service, with or without a trailing slash.
	BaseURL string
	// SecretKey is one of the secrets of the service. It gives access to all methods below.
	SecretKey string
	// Timeout is the timeout for a whole response. Zero means 30 seconds.
	Timeout time.Duration
	// HTTPClient sends the requests. Nil means http.DefaultClient. Redirects are never followed.
	HTTPClient *http.Client
}

// The codes of errors.
const (
	// Rejected is status 400: the request is invalid, or the service does not accept the media.
	Rejected = "rejected"
	// Unauthorized is status 401 or 403.
	Unauthorized = "unauthorized"
	NotFound     = "not-found"
	TooLarge     = "too-large"
	RateLimited  = "rate-limited"
	// Unavailable is a 5xx status: the service, its store or an upstream failed. A retry may succeed.
	Unavailable = "unavailable"
	// Timeout means that no complete response arrived within the timeout.
	Timeout = "timeout"
	// Canceled means that the context of the caller ended.
	Canceled = "canceled"
	// Unreachable means that there was no connection, that the response broke off, or that it was a redirect.
	Unreachable = "unreachable"
	// Unexpected means that the response is not from this service.
	Unexpected = "unexpected"
)

// Error describes why a call failed.
type Error struct {
	// Code is one of the codes above.
	Code string
	// Message is the message of the service, or the cause if there was no response.
	Message string
	// Status is the status of the response. Zero if there was none.
	Status int
	// RetryAfter is the time to wait before a retry. Zero if the service did not specify it.
	RetryAfter time.Duration
	// RequestID is the id of the request in the logs of the service.
	RequestID string
	cause     error
}

func (failure *Error) Error() string { return "media proxy: " + failure.Code + ": " + failure.Message }

func (failure *Error) Unwrap() error { return failure.cause }

// Source is the media for which metadata or frames are requested.
type Source struct {
	Type           string `json:"type"`
	URL            string `json:"url,omitempty"`
	UploadFilename string `json:"upload_filename,omitempty"`
	Base64         string `json:"base64,omitempty"`
	Bucket         string `json:"bucket,omitempty"`
	Key            string `json:"key,omitempty"`
	// Filename distinguishes types that the bytes do not distinguish.
	Filename string `json:"filename,omitempty"`
}

// ExternalSource is external media.
func ExternalSource(url string) Source { return Source{Type: "external", URL: url} }

// UploadSource is an object in the upload bucket.
func UploadSource(key string) Source { return Source{Type: "upload", UploadFilename: key} }

// BytesSource is media in the request body.
func BytesSource(media []byte) Source {
	return Source{Type: "base64", Base64: base64.StdEncoding.EncodeToString(media)}
}

// StoredSource is an object in one of the configured buckets.
func StoredSource(bucket, key string) Source { return Source{Type: "s3", Bucket: bucket, Key: key} }

// MetadataOptions are the options of Metadata. The zero value is valid.
type MetadataOptions struct {
	// NSFW is block, flag or allow, which skips the scan. Empty means flag.
	NSFW string
	// Extras are additional fields of the response: codecs, blurhash, palette, phash, waveform.
	Extras []string
	// WithBytes adds the bytes to the response, except for a BytesSource.
	WithBytes bool
}

// Metadata is the metadata of a file. Fields that do not apply are zero.
type Metadata struct {
	Format      string `json:"format"`
	ContentType string `json:"content_type"`
	// ContentHash is the lower-case hexadecimal SHA-256 of the bytes.
	ContentHash string `json:"content_hash"`
	// Size is in bytes.
	Size int64 `json:"size"`
	// Width and Height are the size of one frame in pixels, after orientation.
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
	// PHash is a perceptual hash: 64 bits as 16 hexadecimal digits. Similar images differ in few bits.
	PHash string `json:"phash"`
	// Waveform has the peak level of each 1/256 of the duration.
	Waveform        []byte  `json:"waveform"`
	NSFW            bool    `json:"nsfw"`
	NSFWProbability float64 `json:"nsfw_probability"`
	// NSFWPredictions is empty if nothing was scanned.
	NSFWPredictions map[string]float64 `json:"nsfw_predictions"`
	Bytes           []byte             `json:"base64"`
}

// StillFrame is one frame of a video or an animation.
type StillFrame struct {
	// Timestamp is in seconds from the start.
	Timestamp float64 `json:"timestamp"`
	MIMEType  string  `json:"mime_type"`
	Bytes     []byte  `json:"base64"`
}

// Preparation is the result of Prepare: the paths of the renditions by status.
type Preparation struct {
	Ready  []string `json:"ready"`
	Queued []string `json:"queued"`
	// Rejected lists the renditions that found the queue full. Request them again later.
	Rejected []string `json:"rejected"`
}

// Metadata returns the metadata of a file: format, size, hash, placeholder and scan result.
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

// Thumbnail returns the first decodable frame of an uploaded video as JPEG.
func (client *Client) Thumbnail(ctx context.Context, uploadFilename string) ([]byte, error) {
	return client.ask(ctx, "/_thumbnail", UploadSource(uploadFilename))
}

// Sniff detects the content type of an upload from its first bytes. It returns an empty string if the service does not
// accept the upload.
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

// Frames returns three frames of a video or animation, a still image itself, or no frames for an unreadable file.
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

// Prepare requests that renditions of an object are rendered in advance. The renditions are at most 64 paths with their
// queries.
func (client *Client) Prepare(
	ctx context.Context,
	object string,
	renditions []string,
) (*Preparation, error) {
	body := map[string]any{"object": object, "renditions": renditions}
	var preparation Preparation
	err := client.askJSON(ctx, "/_prepare", body, &preparation, "ready", "queued", "rejected")
	if err != nil {
		return nil, err
	}
	return &preparation, nil
}

// PurgeObject removes all renditions of an object from all caches, and returns their number.
func (client *Client) PurgeObject(ctx context.Context, key string) (int, error) {
	return client.purge(ctx, map[string]string{"object": key})
}

// PurgeExternal removes all renditions of an external URL from all caches, and returns their number.
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

// askJSON reads a response that must have the required members. Only content_type may be null.
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
		return nil, rejected(response, content)
	}
	return content, nil
}

// sender returns an HTTP client that follows no redirects, because a redirect would send the secret to another server.
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

// The longest error message that is kept, in bytes. The response of another server may be a whole page.
const maxPhrase = 200

func rejected(response *http.Response, content []byte) *Error {
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
		return Rejected
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
