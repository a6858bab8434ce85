// Package mediaproxy spells URLs of the media proxy, signs them where they have to be signed, and asks its internal
// endpoints. It uses the standard library alone.
package mediaproxy
