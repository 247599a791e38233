// Package generated is the parent of what protoc makes of the files in
// functions/protocol/proto. Only tests use it: functions/protocol has its own codec,
// which is held against this one.
//
// It is made again with protoc and with protoc-gen-go of the version of
// google.golang.org/protobuf in go.mod, in the root of the repository:
//
//	go install google.golang.org/protobuf/cmd/protoc-gen-go
//	for f in request-reply egress types; do
//	  protoc -I functions/protocol/proto --go_out=. --go_opt=module=github.com/statefun-go/statefun $f.proto
//	done
package generated
