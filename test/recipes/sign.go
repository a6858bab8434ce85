// Signs an external URL: go run sign.go <base> <key> <url> [<unix seconds of expiry>]
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
)

// Sign makes the URL under which the service fetches url. An empty expiry makes one that is good for ever.
func Sign(base, key, url, expiry string) string {
	encode := base64.RawURLEncoding.EncodeToString
	target := "v2/" + encode([]byte(url))
	query := ""
	if expiry != "" {
		query = "?ex=" + expiry
	}
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(target + query))
	return base + "/external/" + encode(mac.Sum(nil)) + "/" + target + query
}

func main() {
	expiry := ""
	if len(os.Args) > 4 {
		expiry = os.Args[4]
	}
	fmt.Println(Sign(os.Args[1], os.Args[2], os.Args[3], expiry))
}
