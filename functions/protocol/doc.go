// Package protocol holds the messages that a runtime and the servers of remote
// functions exchange: the request-reply protocol of Apache Flink Stateful
// Functions 3.x, byte for byte.
//
// A runtime sends a [ToFunction], a batch of invocations of one address with the
// address's state, as the body of a POST of [ContentType]. It gets back a
// [FromFunction]: what the invocations did, or which states were missing. The
// egress records of Kafka and Kinesis are here, too; the built-in types of values
// (bool, int, string …) are in package functions. The folder proto describes all
// of them in protobuf's language, for authors of SDKs.
//
// # Invariants
//
//   - Encoding gives the bytes that protobuf's generated code gives, in the order
//     of the fields' numbers. Sub-messages that are absent and those that are
//     present but empty stay apart: see the fields called Present.
//   - Decoding follows proto3: unknown fields are skipped, of a repeated scalar
//     the last one counts, sub-messages that occur again are merged, and of a oneof
//     the member that comes last counts. Strings are valid UTF-8. It is stricter in
//     three things that no SDK does, since what they would silently lose is an
//     effect: groups, a known field in another wire type, and a slash in the
//     namespace or type of an address are errors.
//   - A decoded message shares the memory of its input where it holds bytes, and
//     nowhere else: its strings are copies, and names that occur again and again
//     are the same copy.
//   - No input makes decoding allocate more than a small multiple of its size and
//     of [Decoder.MaxElements].
//
// # What it is not for
//
// It neither connects to anything nor knows what the messages mean: that is the
// business of the runtime and of package remote. It does not use protobuf's
// generated code, which costs two to four times as much, and which would clash,
// in one process, with that of StateFun's own SDK for Go: both would register the
// same names.
package protocol
