package mediaproxy

// Tests the client against the running service that the variables below name. Skipped without one.

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

var (
	serviceURL       = os.Getenv("MEDIA_PROXY_CLIENT_TEST_URL")
	serviceSecretKey = os.Getenv("MEDIA_PROXY_CLIENT_TEST_SECRET_KEY")
	attachmentSecret = os.Getenv("MEDIA_PROXY_CLIENT_TEST_ATTACHMENT_SECRET")
	relaySecret      = os.Getenv("MEDIA_PROXY_CLIENT_TEST_RELAY_SECRET")
	// The URL of an external image of 60x40 pixels.
	farURL = os.Getenv("MEDIA_PROXY_CLIENT_TEST_FAR_URL")
)

const pngText = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg=="

func runningService(t *testing.T) *Client {
	t.Helper()
	if serviceURL == "" {
		t.Skip("MEDIA_PROXY_CLIENT_TEST_URL names no service")
	}
	return &Client{BaseURL: serviceURL, SecretKey: serviceSecretKey}
}

// expect requests a URL, checks the status, and returns the content type of the response.
func expect(t *testing.T, status int, url string, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != status {
		t.Errorf("%s: %d, not %d (%v)", url, answer.StatusCode, status, err)
	}
	return answer.Header.Get("Content-Type")
}

func TestServiceTakesExternalURLs(t *testing.T) {
	runningService(t)
	small := Transformation{Width: 20, Format: "webp"}
	for _, signsParameters := range []bool{false, true} {
		urls := ExternalURLs{BaseURL: serviceURL, SecretKey: serviceSecretKey, SignsParameters: signsParameters}
		// Not percent-encoded, as users write URLs. The service parses a URL like any standard parser.
		for _, far := range []string{farURL, farURL + "?a=ä b#c"} {
			url, err := urls.Sign(far, small, Expiry{In: time.Hour})
			if mime := expect(t, 200, url, err); mime != "image/webp" {
				t.Errorf("%s is %s", url, mime)
			}
			status := 200
			if signsParameters {
				status = 401
			}
			expect(t, status, strings.Replace(url, "width=20", "width=30", 1), nil)
		}
	}
	url, err := ExternalURLs{BaseURL: serviceURL, SecretKey: "another"}.Sign(farURL, small, Expiry{})
	expect(t, 401, url, err)
}

func TestServiceTakesAttachmentURLs(t *testing.T) {
	runningService(t)
	path := "1/ä b.png"
	urls := AttachmentURLs{BaseURL: serviceURL, Secret: attachmentSecret}
	url, err := urls.Sign(path, Transformation{})
	expect(t, 200, url, err)
	url, err = urls.Sign(path, Transformation{Width: 20, Format: "webp"})
	expect(t, 200, url, err)
	url, err = urls.SignForDataPackage(path)
	expect(t, 200, url, err)
	url, err = URLs{serviceURL}.Attachment(path, Transformation{})
	expect(t, 404, url, err)
}

func TestServiceTakesAssetURLs(t *testing.T) {
	runningService(t)
	url, err := URLs{serviceURL}.Asset("avatars", "1", "a_abc", "webp", AssetParameters{Size: 64, Format: "png"})
	expect(t, 200, url, err)
	url, err = URLs{serviceURL}.Asset("avatars", "1", "missing", "webp", AssetParameters{})
	expect(t, 404, url, err)
}

func TestServiceTakesUploadsAndTellsOfThem(t *testing.T) {
	client := runningService(t)
	ctx := context.Background()
	png, err := base64.StdEncoding.DecodeString(pngText)
	if err != nil {
		t.Fatal(err)
	}
	key := "go/ä b.png"
	put := func(maxBytes int64) int {
		upload := Upload{MaxBytes: maxBytes, ExpiresIn: time.Hour, ContentType: "image/png"}
		url, err := UploadURLs{BaseURL: serviceURL, Secret: relaySecret}.Sign(key, upload)
		if err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequest(http.MethodPut, url, bytes.NewReader(png))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	if status := put(int64(len(png)) - 1); status != 413 {
		t.Errorf("too large an upload: %d", status)
	}
	if status := put(int64(len(png))); status != 200 {
		t.Fatalf("an upload: %d", status)
	}
	if mime, err := client.Sniff(ctx, key); err != nil || mime != "image/png" {
		t.Errorf("sniffed %q, %v", mime, err)
	}
	options := MetadataOptions{Extras: []string{"palette"}, WithBytes: true}
	metadata, err := client.Metadata(ctx, UploadSource(key), options)
	if err != nil {
		t.Fatal(err)
	}
	if metadata.Format != "png" || metadata.Width != 1 || metadata.Height != 1 || len(metadata.Palette) != 1 ||
		metadata.Size != int64(len(png)) || !bytes.Equal(metadata.Bytes, png) {
		t.Errorf("%+v", metadata)
	}
	frames, err := client.Frames(ctx, UploadSource(key))
	if err != nil || len(frames) != 1 || !bytes.Equal(frames[0].Bytes, png) {
		t.Errorf("%+v, %v", frames, err)
	}
	_, err = client.Thumbnail(ctx, key)
	if failure := asError(t, err); failure.Code != NotFound || failure.RequestID == "" {
		t.Errorf("%+v", failure)
	}
	metadata, err = client.Metadata(ctx, BytesSource(png), MetadataOptions{NSFW: "allow"})
	if err != nil || metadata.Size != int64(len(png)) {
		t.Errorf("%+v, %v", metadata, err)
	}
}

func TestServicePreparesAndPurges(t *testing.T) {
	client := runningService(t)
	ctx := context.Background()
	path := "/avatars/1/abc.webp?size=64"
	told, err := client.Prepare(ctx, "avatars/1/abc", []string{path})
	if err != nil || strings.Join(append(told.Ready, told.Queued...), " ") != path {
		t.Errorf("%+v, %v", told, err)
	}
	if _, err := client.PurgeObject(ctx, "avatars/1/abc"); err != nil {
		t.Error(err)
	}
	if _, err := client.PurgeExternal(ctx, farURL); err != nil {
		t.Error(err)
	}
}

func TestServiceRejectsByName(t *testing.T) {
	client := runningService(t)
	ctx := context.Background()
	_, err := client.Metadata(ctx, BytesSource([]byte("abc")), MetadataOptions{})
	if failure := asError(t, err); failure.Code != Rejected || failure.Message != "Unsupported file format" {
		t.Errorf("%+v", failure)
	}
	_, err = (&Client{BaseURL: serviceURL, SecretKey: "wrong"}).Sniff(ctx, "a")
	if failure := asError(t, err); failure.Code != Unauthorized {
		t.Errorf("%+v", failure)
	}
}
