package mediaproxy

import (
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// AssetParameters are the parameters of avatars, icons, banners, splashes, emojis and stickers. The zero value of a
// field means that it is not set.
type AssetParameters struct {
	// Size is the maximum width in pixels (for stickers, of both sides), rounded up to the next listed size.
	Size int `query:"size"`
	// Format is png, jpg, jpeg, webp, gif, avif or auto.
	Format string `query:"format"`
	// Quality is high, low, lossless, or 1 to 100 on the scale of WebP and JPEG.
	Quality string `query:"quality"`
	// Animated defaults to true if the hash starts with a_ and the format of the extension can be animated.
	Animated *bool `query:"animated"`
	// DPR is the device pixel ratio: 1, 1.5, 2 or 3.
	DPR float64 `query:"dpr"`
	// Blur is the sigma of a Gaussian blur, 1 to 100.
	Blur int `query:"blur"`
	// Crop is x,y,width,height in the source after orientation: pixels, or fractions if any has a decimal point.
	Crop string `query:"crop"`
	// Trim removes borders of a uniform colour.
	Trim bool `query:"trim"`
	// Rotate is 90, 180 or 270 degrees clockwise.
	Rotate int `query:"rotate"`
	// Flip is h or v.
	Flip string `query:"flip"`
	// Pad is the padding in pixels: one value, or up to four as in CSS, such as 5,20. Each is at most 1000.
	Pad string `query:"pad"`
	// Background is six hexadecimal digits.
	Background string `query:"background"`
	// Sharpen is 1 to 10.
	Sharpen int `query:"sharpen"`
	// MaxBytes is the maximum size of the response. The quality is lowered to reach it.
	MaxBytes int `query:"maxbytes"`
	// Preset is the name of a preset in the configuration of the service. Other parameters override it.
	Preset string `query:"preset"`
	// Download makes browsers save the response as a file.
	Download bool `query:"download"`
}

// Transformation has the parameters of attachments and of external media. The zero value of a field means that it is
// not set.
type Transformation struct {
	// Width and Height are 1 to 16384 pixels. Images are never enlarged.
	Width  int `query:"width"`
	Height int `query:"height"`
	// Fit is cover, contain or inside.
	Fit string `query:"fit"`
	// Gravity is centre, north, east, south, west, attention, entropy or face.
	Gravity string `query:"gravity"`
	// Format is a format of AssetParameters, or mp4 or webm for a clip of a video or an animation.
	Format     string  `query:"format"`
	Quality    string  `query:"quality"`
	Animated   *bool   `query:"animated"`
	DPR        float64 `query:"dpr"`
	Blur       int     `query:"blur"`
	Crop       string  `query:"crop"`
	Trim       bool    `query:"trim"`
	Rotate     int     `query:"rotate"`
	Flip       string  `query:"flip"`
	Pad        string  `query:"pad"`
	Background string  `query:"background"`
	Sharpen    int     `query:"sharpen"`
	MaxBytes   int     `query:"maxbytes"`
	// Time is a position in a video: seconds, a whole percentage such as 50%, or best.
	Time string `query:"time"`
	// Duration is the maximum duration of a clip, in seconds.
	Duration float64 `query:"duration"`
	// FPS is 1 to 30.
	FPS int `query:"fps"`
	// Sprite is the columns and rows of a sprite sheet, such as 4x3.
	Sprite string `query:"sprite"`
	// Audio specifies whether a clip contains the audio of its source. The default is true.
	Audio    *bool  `query:"audio"`
	Preset   string `query:"preset"`
	Download bool   `query:"download"`
}

// Bool returns a pointer for Animated and Audio, whose default is not always false.
func Bool(value bool) *bool { return &value }

type check func(text string) bool

func matches(pattern string) check { return regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString }

func oneOf(values ...string) check {
	return func(text string) bool {
		for _, value := range values {
			if text == value {
				return true
			}
		}
		return false
	}
}

var isInteger = matches(`0|[1-9][0-9]{0,7}`)

func integer(minimum, maximum int) check {
	return func(text string) bool {
		number, err := strconv.Atoi(text)
		return err == nil && isInteger(text) && number >= minimum && number <= maximum
	}
}

var (
	isFlag     = oneOf("true", "false", "1", "0")
	isFormat   = oneOf("png", "jpg", "jpeg", "webp", "gif", "avif", "auto")
	isClip     = oneOf("mp4", "webm")
	isPercent  = integer(0, 100)
	isSeconds  = matches(`[0-9]{1,7}(\.[0-9]{1,9})?`)
	isFraction = matches(`0(\.[0-9]{1,4})?|1(\.0{1,4})?`)
	isPixels   = integer(0, 99_999)
	isSide     = integer(0, 1000)
)

func either(one, other check) check {
	return func(text string) bool { return one(text) || other(text) }
}

func isTime(text string) bool {
	if percent, found := strings.CutSuffix(text, "%"); found {
		return isPercent(percent)
	}
	return text == "best" || isSeconds(text)
}

// isDuration accepts at least 10 milliseconds, after rounding to whole milliseconds.
func isDuration(text string) bool {
	seconds, err := strconv.ParseFloat(text, 64)
	return err == nil && isSeconds(text) && seconds*1000 >= 9.5
}

func isCrop(text string) bool {
	numbers := strings.Split(text, ",")
	if len(numbers) != 4 {
		return false
	}
	ofPixels := !strings.Contains(text, ".")
	for at, number := range numbers {
		if ofPixels && !isPixels(number) || !ofPixels && !isFraction(number) {
			return false
		}
		value, err := strconv.ParseFloat(number, 64)
		isSize := at >= 2
		if err != nil || isSize && value == 0 || !isSize && !ofPixels && value >= 1 {
			return false
		}
	}
	return true
}

func isPad(text string) bool {
	sides := strings.Split(text, ",")
	for _, side := range sides {
		if !isSide(side) {
			return false
		}
	}
	return len(sides) <= 4
}

var commonChecks = map[string]check{
	"format":     isFormat,
	"quality":    either(oneOf("high", "low", "lossless"), integer(1, 100)),
	"animated":   isFlag,
	"dpr":        oneOf("1", "1.5", "2", "3"),
	"blur":       integer(1, 100),
	"crop":       isCrop,
	"trim":       isFlag,
	"rotate":     oneOf("90", "180", "270"),
	"flip":       oneOf("h", "v"),
	"pad":        isPad,
	"background": matches(`[0-9a-fA-F]{6}`),
	"sharpen":    integer(1, 10),
	"maxbytes":   integer(256, 99_999_999),
	"preset":     matches(`[A-Za-z0-9_-]{1,40}`),
	"download":   isFlag,
}

var assetChecks = besides(map[string]check{"size": matches(`[0-9]+(\.[0-9]+)?`)})

var transformationChecks = besides(map[string]check{
	"width":    integer(1, 16_384),
	"height":   integer(1, 16_384),
	"fit":      oneOf("cover", "contain", "inside"),
	"gravity":  oneOf("centre", "north", "east", "south", "west", "attention", "entropy", "face"),
	"format":   either(isFormat, isClip),
	"time":     isTime,
	"duration": isDuration,
	"fps":      integer(1, 30),
	"sprite":   matches(`([1-9]|10)x([1-9]|10)`),
	"audio":    isFlag,
})

// besides adds the common checks that are not overridden to the checks of one family.
func besides(checks map[string]check) map[string]check {
	for name, common := range commonChecks {
		if _, found := checks[name]; !found {
			checks[name] = common
		}
	}
	return checks
}

type pair struct{ name, value string }

func (parameters AssetParameters) pairs() ([]pair, error) {
	return pairsOf(reflect.ValueOf(parameters), assetChecks)
}

func (parameters Transformation) pairs() ([]pair, error) {
	// A clip shows whole frames, and it starts at a given time, not at a frame that the service selects.
	if isClip(parameters.Format) {
		if parameters.Fit != "" && parameters.Fit != "inside" {
			return nil, fmt.Errorf("a clip supports only fit=inside")
		}
		if parameters.Time == "best" {
			return nil, fmt.Errorf("a clip takes no time=best")
		}
	}
	return pairsOf(reflect.ValueOf(parameters), transformationChecks)
}

// pairsOf returns the fields that are set as query pairs, in the order of the fields.
func pairsOf(fields reflect.Value, checks map[string]check) ([]pair, error) {
	var pairs []pair
	for at := range fields.NumField() {
		field := fields.Field(at)
		if field.IsZero() {
			continue
		}
		name := fields.Type().Field(at).Tag.Get("query")
		text := textOf(field)
		if !checks[name](text) {
			return nil, fmt.Errorf("%q is not a valid value of the parameter %s", text, name)
		}
		pairs = append(pairs, pair{name, text})
	}
	return pairs, nil
}

func textOf(field reflect.Value) string {
	switch field.Kind() {
	case reflect.Pointer:
		return textOf(field.Elem())
	case reflect.Bool:
		return strconv.FormatBool(field.Bool())
	case reflect.Int:
		return strconv.FormatInt(field.Int(), 10)
	case reflect.Float64:
		// The service accepts no exponent.
		return strconv.FormatFloat(field.Float(), 'f', -1, 64)
	default:
		return field.String()
	}
}

// queryOf returns a query string with its question mark. Empty without parameters.
func queryOf(pairs []pair) string {
	if len(pairs) == 0 {
		return ""
	}
	texts := make([]string, len(pairs))
	for at, pair := range pairs {
		texts[at] = formEncoded(pair.name) + "=" + formEncoded(pair.value)
	}
	return "?" + strings.Join(texts, "&")
}

var formEncoding = strings.NewReplacer("%2A", "*", "~", "%7E")

func formEncoded(text string) string { return formEncoding.Replace(url.QueryEscape(text)) }

// messageOf returns the parameters in the form that a signature covers: decoded and sorted by name.
func messageOf(pairs []pair) string {
	sorted := append([]pair(nil), pairs...)
	sort.Slice(sorted, func(a, b int) bool { return sorted[a].name < sorted[b].name })
	texts := make([]string, len(sorted))
	for at, pair := range sorted {
		texts[at] = pair.name + "=" + pair.value
	}
	return strings.Join(texts, "&")
}
