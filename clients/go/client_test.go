package mediaproxy

// Tests the client against a fake service: each kind of failure has its own code.

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"
)

func failureOf(t *testing.T, answer http.HandlerFunc, timeout time.Duration) *Error {
	t.Helper()
	service := httptest.NewServer(answer)
	defer service.Close()
	client := Client{BaseURL: service.URL, SecretKey: "secret", Timeout: timeout}
	_, err := client.Frames(context.Background(), UploadSource("a"))
	return asError(t, err)
}

func asError(t *testing.T, err error) *Error {
	t.Helper()
	var failure *Error
	if !errors.As(err, &failure) {
		t.Fatalf("%v is no failure of the client", err)
	}
	return failure
}

// waitForEnd returns when the client has disconnected. A server notices that only after it has read the request body.
func waitForEnd(request *http.Request) {
	io.Copy(io.Discard, request.Body)
	<-request.Context().Done()
}

func TestClientAsksWhatItIsToldTo(t *testing.T) {
	var asked []map[string]any
	service := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(request.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		body["path"], body["secret"] = request.URL.Path, request.Header.Get("X-Internal-Secret")
		asked = append(asked, body)
		answer.Write([]byte(`{"format":"png","content_type":"image/png","content_hash":"00","size":3,"base64":"AAEC",
			"nsfw":false,"nsfw_probability":0,"nsfw_predictions":{}}`))
	}))
	defer service.Close()
	client := Client{BaseURL: service.URL + "/media/", SecretKey: "a-secret"}
	options := MetadataOptions{NSFW: "allow", Extras: []string{"phash"}, WithBytes: true}
	metadata, err := client.Metadata(context.Background(), UploadSource("a"), options)
	if err != nil || metadata.Format != "png" || string(metadata.Bytes) != "\x00\x01\x02" {
		t.Errorf("%+v, %v", metadata, err)
	}
	source := StoredSource("cdn", "a")
	if _, err := client.Metadata(context.Background(), source, MetadataOptions{}); err != nil {
		t.Error(err)
	}
	want := []map[string]any{
		{
			"path": "/media/_metadata", "secret": "a-secret", "type": "upload", "upload_filename": "a",
			"version": 2.0, "nsfw": "allow", "extras": []any{"phash"}, "with_base64": true,
		},
		{
			"path": "/media/_metadata", "secret": "a-secret", "type": "s3", "bucket": "cdn", "key": "a",
			"version": 2.0, "nsfw": "flag",
		},
	}
	if !reflect.DeepEqual(asked, want) {
		t.Errorf("asked %v", asked)
	}
}

func TestClientNamesRejectionsByTheirStatus(t *testing.T) {
	for status, code := range map[int]string{
		400: Rejected, 401: Unauthorized, 403: Unauthorized, 404: NotFound, 413: TooLarge, 418: Unexpected,
		429: RateLimited, 500: Unavailable, 503: Unavailable,
	} {
		failure := failureOf(t, func(answer http.ResponseWriter, _ *http.Request) {
			answer.Header().Set("Retry-After", "7")
			answer.Header().Set("X-Request-Id", "r")
			answer.WriteHeader(status)
			answer.Write([]byte("No"))
		}, 0)
		want := Error{Code: code, Message: "No", Status: status, RetryAfter: 7 * time.Second, RequestID: "r"}
		if *failure != want {
			t.Errorf("%d: %+v", status, failure)
		}
	}
}

func TestClientTakesNoOtherAnswerForItsOwn(t *testing.T) {
	for _, body := range []string{"<html>", "{}", "[]", `{"frames":[{}]}`, `{"frames":null}`, `{"frames":3}`, "\xff"} {
		failure := failureOf(t, func(answer http.ResponseWriter, _ *http.Request) { answer.Write([]byte(body)) }, 0)
		if failure.Code != Unexpected {
			t.Errorf("%s: %+v", body, failure)
		}
	}
}

func TestClientHasATimeLimitForTheWholeAnswer(t *testing.T) {
	for name, begin := range map[string]string{"says nothing": "", "never ends": "{"} {
		failure := failureOf(t, func(answer http.ResponseWriter, request *http.Request) {
			if begin != "" {
				answer.Write([]byte(begin))
				answer.(http.Flusher).Flush()
			}
			waitForEnd(request)
		}, 200*time.Millisecond)
		if failure.Code != Timeout {
			t.Errorf("%s: %+v", name, failure)
		}
	}
}

func TestClientEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	service := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		cancel()
		waitForEnd(request)
	}))
	defer service.Close()
	client := Client{BaseURL: service.URL, SecretKey: "secret"}
	_, err := client.Thumbnail(ctx, "a")
	if failure := asError(t, err); failure.Code != Canceled || !errors.Is(err, context.Canceled) {
		t.Errorf("%+v", failure)
	}
}

func TestClientCarriesTheSecretNowhereElse(t *testing.T) {
	visits := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits++ }))
	defer elsewhere.Close()
	failure := failureOf(t, func(answer http.ResponseWriter, request *http.Request) {
		http.Redirect(answer, request, elsewhere.URL, http.StatusTemporaryRedirect)
	}, 0)
	if failure.Code != Unreachable || failure.Status != 307 || visits != 0 {
		t.Errorf("%+v, %d visits", failure, visits)
	}
}

func TestClientTellsOfAServiceThatIsNotThere(t *testing.T) {
	service := httptest.NewServer(http.NotFoundHandler())
	service.Close()
	client := Client{BaseURL: service.URL, SecretKey: "secret"}
	_, err := client.Sniff(context.Background(), "a")
	if failure := asError(t, err); failure.Code != Unreachable {
		t.Errorf("%+v", failure)
	}
}

func TestClientTellsOfAnAnswerThatBreaksOff(t *testing.T) {
	failure := failureOf(t, func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("Content-Length", "100")
		answer.Write([]byte("{"))
	}, 0)
	if failure.Code != Unreachable {
		t.Errorf("%+v", failure)
	}
}
