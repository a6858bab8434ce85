package mediaproxy

// Tests the client with the vectors that the grammar and the TypeScript client of the service generate.

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

type urlVector struct {
	Call       string
	Arguments  arguments
	Parameters map[string]any
	URL        *string
}

type arguments struct {
	Kind, ID, Hash, Extension, GuildID, UserID, Path, URL, Key, Bucket, ContentType, UploadID string
	SignsParameters                                                                           bool
	Now, ExpiresInSeconds, ExpiryBucketSeconds                                                float64
	MaxBytes                                                                                  int64
	PartNumber                                                                                int
}

var vectors struct {
	BaseURL, SecretKey, Base64Secret string
	Values                           []string
	Accepted                         map[string]map[string][]string
	URLs                             []urlVector
}

func TestMain(m *testing.M) {
	text, err := os.ReadFile("../vectors.json")
	if err == nil {
		err = json.Unmarshal(text, &vectors)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestEveryParameterTakesWhatTheServiceTakes(t *testing.T) {
	families := map[string]struct {
		checks map[string]check
		fields reflect.Type
	}{
		"asset":          {assetChecks, reflect.TypeFor[AssetParameters]()},
		"transformation": {transformationChecks, reflect.TypeFor[Transformation]()},
	}
	for name, family := range families {
		accepted := vectors.Accepted[name]
		if len(accepted) != len(family.checks) || len(accepted) != family.fields.NumField() {
			t.Errorf("%s: %d parameters, %d checks, %d fields",
				name, len(accepted), len(family.checks), family.fields.NumField())
		}
		for parameter, values := range accepted {
			check, found := family.checks[parameter]
			if !found {
				t.Errorf("%s has no %s", name, parameter)
				continue
			}
			for _, value := range vectors.Values {
				if check(value) != slices.Contains(values, value) {
					t.Errorf("%s: %s=%q is taken: %t", name, parameter, value, check(value))
				}
			}
		}
	}
}

func TestEveryURLIsTheOneOfTheOtherClients(t *testing.T) {
	if len(vectors.URLs) < 300 {
		t.Fatalf("only %d vectors", len(vectors.URLs))
	}
	for _, vector := range vectors.URLs {
		url, err := vector.call(t)
		switch {
		case vector.URL == nil && err == nil:
			t.Errorf("%s of %+v is %s, and the service rejects it", vector.Call, vector.Arguments, url)
		case vector.URL != nil && err != nil:
			t.Errorf("%s of %+v: %v", vector.Call, vector.Arguments, err)
		case vector.URL != nil && url != *vector.URL:
			t.Errorf("%s of %+v is\n%s, not\n%s", vector.Call, vector.Arguments, url, *vector.URL)
		}
	}
}

func (vector urlVector) call(t *testing.T) (string, error) {
	urls := URLs{BaseURL: vectors.BaseURL}
	given := vector.Arguments
	clock := func() time.Time { return time.Unix(0, int64(given.Now*1e9)) }
	attachments := AttachmentURLs{vectors.BaseURL, vectors.Base64Secret, clock}
	switch vector.Call {
	case "asset":
		return urls.Asset(given.Kind, given.ID, given.Hash, given.Extension, parametersOf[AssetParameters](t, vector))
	case "memberAsset":
		return urls.MemberAsset(given.GuildID, given.UserID, given.Kind, given.Hash, given.Extension,
			parametersOf[AssetParameters](t, vector))
	case "emoji":
		return urls.Emoji(given.ID, given.Extension, parametersOf[AssetParameters](t, vector))
	case "sticker":
		return urls.Sticker(given.ID, given.Extension, parametersOf[AssetParameters](t, vector))
	case "attachment":
		return urls.Attachment(given.Path, parametersOf[Transformation](t, vector))
	case "theme":
		return urls.Theme(given.ID)
	case "entranceSound":
		return urls.EntranceSound(given.UserID, given.Hash, given.Extension)
	case "signAttachment":
		return attachments.Sign(given.Path, parametersOf[Transformation](t, vector))
	case "signAttachmentForDataPackage":
		return attachments.SignForDataPackage(given.Path)
	case "signExternal":
		external := ExternalURLs{vectors.BaseURL, vectors.SecretKey, given.SignsParameters, clock}
		expiry := Expiry{seconds(given.ExpiresInSeconds), seconds(given.ExpiryBucketSeconds)}
		return external.Sign(given.URL, parametersOf[Transformation](t, vector), expiry)
	case "signUpload":
		uploads := UploadURLs{vectors.BaseURL, vectors.Base64Secret, given.Bucket, clock}
		return uploads.Sign(given.Key, Upload{
			given.MaxBytes, seconds(given.ExpiresInSeconds), given.ContentType, given.UploadID, given.PartNumber,
		})
	default:
		t.Fatalf("there is no call %s", vector.Call)
		return "", nil
	}
}

func seconds(number float64) time.Duration { return time.Duration(number * float64(time.Second)) }

// parametersOf sets the fields whose tags a vector names.
func parametersOf[T any](t *testing.T, vector urlVector) T {
	var parameters T
	fields := reflect.ValueOf(&parameters).Elem()
	for name, value := range vector.Parameters {
		at := slices.IndexFunc(reflect.VisibleFields(fields.Type()), func(field reflect.StructField) bool {
			return field.Tag.Get("query") == name
		})
		if at < 0 {
			t.Fatalf("%T has no %s", parameters, name)
		}
		switch field := fields.Field(at); value := value.(type) {
		case string:
			field.SetString(value)
		case bool:
			if field.Kind() == reflect.Pointer {
				field.Set(reflect.ValueOf(&value))
			} else {
				field.SetBool(value)
			}
		case float64:
			if field.Kind() == reflect.Int {
				field.SetInt(int64(value))
			} else {
				field.SetFloat(value)
			}
		}
	}
	return parameters
}

func TestNumbersHaveNoExponent(t *testing.T) {
	url, err := URLs{"https://m"}.Attachment("a", Transformation{DPR: 2, Duration: 1_000_000})
	if want := "https://m/attachments/a?dpr=2&duration=1000000"; err != nil || url != want {
		t.Errorf("%s, not %s (%v)", url, want, err)
	}
}

func TestTextThatIsNoUTF8IsRejected(t *testing.T) {
	if _, err := (URLs{"https://m"}).Attachment("a\xff", Transformation{}); err == nil {
		t.Error("a path was taken")
	}
	if _, err := (ExternalURLs{SecretKey: "s"}).Sign("https://m/\xff", Transformation{}, Expiry{}); err == nil {
		t.Error("a URL was taken")
	}
}

func TestSecretsAreBase64OfEitherAlphabet(t *testing.T) {
	clock := func() time.Time { return time.Unix(0, 0) }
	plain, _ := AttachmentURLs{"https://m", "+/8=", clock}.Sign("a", Transformation{})
	ofURLs, _ := AttachmentURLs{"https://m", "-_8", clock}.Sign("a", Transformation{})
	if plain != ofURLs || !strings.Contains(plain, "hm=") {
		t.Errorf("%s, and %s", plain, ofURLs)
	}
	for _, secret := range []string{"", "=", "a", "a b c", "ä"} {
		if _, err := (AttachmentURLs{"https://m", secret, nil}).Sign("a", Transformation{}); err == nil {
			t.Errorf("the secret %q was taken", secret)
		}
	}
}
