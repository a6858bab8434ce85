// Package mediaproxy builds and signs URLs of the media proxy, and calls its internal endpoints. It uses only the
// standard library.
package mediaproxy
