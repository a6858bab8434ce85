package mediaproxy

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The limit of S3 for the length of a key, in UTF-8 bytes.
const maxKeyBytes = 1024

var (
	forbiddenInKeys = regexp.MustCompile("[\x00-\x1f\x7f\u0080-\u009f\\\\]")
	ids             = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	hashes          = regexp.MustCompile(`^[A-Za-z0-9_]{1,100}$`)
)

// checkKey returns an error for an object key that the service would reject.
func checkKey(key string) error {
	if !utf8.ValidString(key) {
		return errors.New("a key that is no UTF-8")
	}
	if forbiddenInKeys.MatchString(key) {
		return errors.New("a key with a control character or a backslash")
	}
	if len(key) > maxKeyBytes {
		return fmt.Errorf("a key of more than %d bytes", maxKeyBytes)
	}
	for _, segment := range strings.Split(key, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return errors.New("a key with an empty segment, or one of dots")
		}
	}
	return nil
}

func checkID(id string) error {
	if !ids.MatchString(id) {
		return fmt.Errorf("%q is no id: 1 to 64 letters, digits, _ or -", id)
	}
	return nil
}

func checkHash(hash string) error {
	if !hashes.MatchString(hash) {
		return fmt.Errorf("%q is no hash: 1 to 100 letters, digits or _", hash)
	}
	return nil
}

// checkAssetHash rejects a hash that is only the prefix of an animated one: the prefix is not part of the object key.
func checkAssetHash(hash string) error {
	if hash == "a_" {
		return errors.New("a hash that is nothing but the mark of an animated one")
	}
	return checkHash(hash)
}

var unescaped = strings.NewReplacer("+", "%20", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*")

// encodeComponent encodes text like encodeURIComponent of JavaScript.
func encodeComponent(text string) string {
	return unescaped.Replace(url.QueryEscape(text))
}

func encodeKey(key string) string {
	segments := strings.Split(key, "/")
	for at, segment := range segments {
		segments[at] = encodeComponent(segment)
	}
	return strings.Join(segments, "/")
}
