package mediaproxy

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// URLs builds unsigned URLs of stored media without sending requests. All methods fail for input that the service would
// reject.
type URLs struct {
	// BaseURL is the public URL of the service, with or without a trailing slash.
	BaseURL string
}

var (
	isAssetKind = oneOf(
		"avatars", "icons", "banners", "splashes", "embed-splashes", "discovery-splashes", "branding",
	)
	isMemberKind     = oneOf("avatars", "banners")
	isExtension      = oneOf("png", "apng", "jpg", "jpeg", "webp", "gif", "avif", "svg", "heic", "jxl")
	isSoundExtension = oneOf("mp3", "ogg", "m4a", "wav")
	themeIDs         = regexp.MustCompile(`^[0-9a-f]{16}$`)
)

// Asset returns /<kind>/<id>/<hash>.<extension>. The kind is avatars, icons, banners, splashes, embed-splashes,
// discovery-splashes or branding.
func (urls URLs) Asset(kind, id, hash, extension string, parameters AssetParameters) (string, error) {
	if !isAssetKind(kind) {
		return "", fmt.Errorf("%q is no kind of asset", kind)
	}
	if err := errors.Join(checkID(id), checkAssetHash(hash)); err != nil {
		return "", err
	}
	return urls.asset(kind+"/"+id+"/"+hash, extension, parameters)
}

// MemberAsset returns the URL of an avatar or banner of a member in one guild. The kind is avatars or banners.
func (urls URLs) MemberAsset(
	guildID, userID, kind, hash, extension string,
	parameters AssetParameters,
) (string, error) {
	if !isMemberKind(kind) {
		return "", fmt.Errorf("%q is no kind of a member's asset", kind)
	}
	if err := errors.Join(checkID(guildID), checkID(userID), checkAssetHash(hash)); err != nil {
		return "", err
	}
	return urls.asset("guilds/"+guildID+"/users/"+userID+"/"+kind+"/"+hash, extension, parameters)
}

// Emoji returns /emojis/<id>.<extension>.
func (urls URLs) Emoji(id, extension string, parameters AssetParameters) (string, error) {
	if err := checkID(id); err != nil {
		return "", err
	}
	return urls.asset("emojis/"+id, extension, parameters)
}

// Sticker returns /stickers/<id>.<extension>.
func (urls URLs) Sticker(id, extension string, parameters AssetParameters) (string, error) {
	if err := checkID(id); err != nil {
		return "", err
	}
	return urls.asset("stickers/"+id, extension, parameters)
}

// Attachment returns the URL of an attachment. The path is the decoded object key below attachments/.
func (urls URLs) Attachment(path string, parameters Transformation) (string, error) {
	encoded, err := attachmentPath(path)
	if err != nil {
		return "", err
	}
	pairs, err := parameters.pairs()
	if err != nil {
		return "", err
	}
	return base(urls.BaseURL) + encoded + queryOf(pairs), nil
}

// Theme returns the URL of a theme. Its id has 16 lower-case hexadecimal digits.
func (urls URLs) Theme(id string) (string, error) {
	if !themeIDs.MatchString(id) {
		return "", errors.New("a theme has an id of 16 lower-case hexadecimal digits")
	}
	return base(urls.BaseURL) + "/themes/" + id + ".css", nil
}

// EntranceSound returns the URL of an entrance sound. The extension is mp3, ogg, m4a or wav.
func (urls URLs) EntranceSound(userID, hash, extension string) (string, error) {
	if !isSoundExtension(extension) {
		return "", fmt.Errorf("%q is no extension of a sound", extension)
	}
	if err := errors.Join(checkID(userID), checkHash(hash)); err != nil {
		return "", err
	}
	return base(urls.BaseURL) + "/entrance-sounds/" + userID + "/" + hash + "." + extension, nil
}

func (urls URLs) asset(name, extension string, parameters AssetParameters) (string, error) {
	if !isExtension(extension) {
		return "", fmt.Errorf("%q is no extension of an asset", extension)
	}
	pairs, err := parameters.pairs()
	if err != nil {
		return "", err
	}
	return base(urls.BaseURL) + "/" + name + "." + extension + queryOf(pairs), nil
}

func attachmentPath(path string) (string, error) {
	if err := checkKey("attachments/" + path); err != nil {
		return "", err
	}
	return "/attachments/" + encodeKey(path), nil
}

func base(url string) string { return strings.TrimRight(url, "/") }
