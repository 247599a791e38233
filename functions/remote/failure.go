package remote

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
)

var (
	errGoexit   = errors.New("remote: the function ended its goroutine (runtime.Goexit)")
	errDeadline = errors.New("remote: the function exceeded its deadline")
)

// invocationError is why a batch failed: one of its invocations did.
type invocationError struct {
	function *function
	index    int
	err      error
}

func (e *invocationError) Error() string {
	return fmt.Sprintf("%s failed on invocation %d of its batch: %v", e.function.Type, e.index, e.err)
}

func (e *invocationError) Unwrap() error { return e.err }

// panicError is a panic of a function.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// maxReasonBytes bounds the text of an answer.
const maxReasonBytes = 4 << 10

// fail answers a request that could not be done.
func (h *Handler) fail(w http.ResponseWriter, err error) {
	if e, ok := errors.AsType[*invocationError](err); ok {
		w.Header().Set(protocol.HeaderFailedInvocation, strconv.Itoa(e.index))
		if n := e.function.MaxAttempts; n > 0 {
			w.Header().Set(protocol.HeaderMaxAttempts, strconv.Itoa(n))
		}
	}
	if errors.Is(err, functions.ErrPermanent) {
		w.Header().Set(protocol.HeaderPermanent, "true")
	}
	text := err.Error()
	if len(text) > maxReasonBytes {
		text = strings.ToValidUTF8(text[:maxReasonBytes], "") + "…"
	}
	http.Error(w, text, http.StatusInternalServerError)
}
