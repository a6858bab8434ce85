package mediaproxy

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// URLs spells URLs of stored media: nothing is signed, nothing is asked. All methods fail for what the service would
// refuse.
type URLs struct {
	// BaseURL is where clients reach the service, with or without a slash at its end.
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

// Asset is /<kind>/<id>/<hash>.<extension>, the kind being avatars, icons, banners, splashes, embed-splashes,
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

// MemberAsset is an avatar or banner (the kinds avatars and banners) of a member in one guild.
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

// Emoji is /emojis/<id>.<extension>.
func (urls URLs) Emoji(id, extension string, parameters AssetParameters) (string, error) {
	if err := checkID(id); err != nil {
		return "", err
	}
	return urls.asset("emojis/"+id, extension, parameters)
}

// Sticker is /stickers/<id>.<extension>.
func (urls URLs) Sticker(id, extension string, parameters AssetParameters) (string, error) {
	if err := checkID(id); err != nil {
		return "", err
	}
	return urls.asset("stickers/"+id, extension, parameters)
}

// Attachment is that of an object by its key below attachments/, decoded.
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

// Theme has an id of 16 lower-case hexadecimal digits.
func (urls URLs) Theme(id string) (string, error) {
	if !themeIDs.MatchString(id) {
		return "", errors.New("a theme has an id of 16 lower-case hexadecimal digits")
	}
	return base(urls.BaseURL) + "/themes/" + id + ".css", nil
}

// EntranceSound has the extension mp3, ogg, m4a or wav.
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
