package endpoint

import (
	"fmt"
	"net/http"
	"time"
)

// Profile is the set of rules that an endpoint follows.
type Profile uint8

const (
	// Async is io.statefun.transports.v1/async, what v2 endpoints have unless they
	// say otherwise: HTTP/1.1, every failure is retried, host names of certificates
	// are not verified.
	Async Profile = iota
	// OkHTTP is io.statefun.transports.v1/okhttp, what v1 endpoints have: HTTP/2 where
	// it is offered, redirects are followed, some failures are final, host names
	// are verified.
	OkHTTP
)

// String returns the name of the transport type, without its namespace.
func (p Profile) String() string {
	switch p {
	case Async:
		return "async"
	case OkHTTP:
		return "okhttp"
	}
	return fmt.Sprintf("Profile(%d)", uint8(p))
}

// defaults of a profile.
type defaults struct {
	call, connect, poolTTL time.Duration
	firstWait              time.Duration // of the back-off
	verifyHostname         bool
}

func (p Profile) defaults() defaults {
	if p == OkHTTP {
		return defaults{call: time.Minute, connect: 10 * time.Second, poolTTL: time.Minute, firstWait: 10 * time.Millisecond, verifyHostname: true}
	}
	return defaults{call: 2 * time.Minute, connect: 20 * time.Second, poolTTL: 15 * time.Second, firstWait: 2 * time.Millisecond}
}

// retriesStatus reports whether a response with a status other than 2xx is tried again.
func (p Profile) retriesStatus(status int) bool {
	if p == Async {
		return true
	}
	switch status {
	case http.StatusRequestTimeout, http.StatusConflict, 420, http.StatusTooManyRequests, 499:
		return true
	}
	return status >= http.StatusInternalServerError
}

// statusText is what StateFun says of a response with that status.
func (p Profile) statusText(status int, reason string) string {
	if p == Async {
		return fmt.Sprintf("Unexpected response code %d (%s)", status, reason)
	}
	if reason != "" {
		reason = " (" + reason + ")"
	}
	return fmt.Sprintf("Non successful HTTP response code %d%s", status, reason)
}

// contentTypeText is what StateFun says of a response of that type.
func (p Profile) contentTypeText(contentType string) string {
	text := "Unexpected content type"
	if p == OkHTTP {
		text = "Wrong HTTP content-type"
	}
	found := "none"
	if contentType != "" {
		found = fmt.Sprintf("%q", clipped(contentType))
	}
	return fmt.Sprintf("%s: expected %s, found %s", text, octetStream, found)
}

// octetStream is the media type of requests and responses, without parameters.
const octetStream = "application/octet-stream"
