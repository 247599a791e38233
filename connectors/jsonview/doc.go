// Package jsonview shows values as JSON to people and tools: lines of a file,
// answers to those who ask for application/json.
//
// A value is opaque bytes and the name of their type. It can be shown if
//
//   - its type is known: the built-in types, and those that were handed to New;
//   - or it is a JSON object or array. Such bytes are no protobuf message (they
//     would begin with a group, which no proto3 message has), so nothing else is
//     taken for JSON by accident; a number or a string alone could be anything.
//
// What cannot be shown is for the caller to write in another form, such as
// base64. The package is not for decoding values: functions.Type does that.
package jsonview
