package server

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// validator judges a message by the rules of its contract, and by what no text
// of PostgreSQL can hold.
type validator struct{ rules protovalidate.Validator }

func newValidator() (validator, error) {
	rules, err := protovalidate.New()
	if err != nil {
		return validator{}, fault.New(fault.Internal, "the rules of the API cannot be read: %w", err)
	}
	return validator{rules}, nil
}

func (v validator) validate(message any) error {
	m, ok := message.(proto.Message)
	if !ok {
		return errNotProto
	}
	if err := v.rules.Validate(m); err != nil {
		return err
	}
	return checkTexts(m.ProtoReflect(), "", 0)
}

// checkTexts refuses U+0000, which neither text nor jsonb can hold, and JSON
// that is nested too deep, naming the field by its path.
func checkTexts(m protoreflect.Message, path string, depth int) error {
	if depth > maxDepth {
		return fault.Field(path, "must be nested at most %d deep", maxDepth)
	}
	if t, ok := m.Interface().(*timestamppb.Timestamp); ok && !t.IsValid() {
		return fault.Field(strings.TrimSuffix(path, "."), "must be a time from the year 1 to 9999, with 0 to 999999999 nanoseconds")
	}
	var failed error
	m.Range(func(f protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		name := path + string(f.Name())
		switch {
		case f.IsMap():
			value.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				failed = checkText(k.String(), name)
				if failed == nil {
					failed = checkValue(f.MapValue(), v, name, depth)
				}
				return failed == nil
			})
		case f.IsList() && judgedByService(f):
		case f.IsList():
			list := value.List()
			for i := 0; i < list.Len() && failed == nil; i++ {
				failed = checkValue(f, list.Get(i), fmt.Sprintf("%s[%d]", name, i), depth)
			}
		default:
			failed = checkValue(f, value, name, depth)
		}
		return failed == nil
	})
	return failed
}

// judgedByService reports whether the contract leaves each element of a list to
// the service, as IGNORE_ALWAYS on its items says: one bad event must not refuse
// those beside it.
func judgedByService(f protoreflect.FieldDescriptor) bool {
	if f.Message() == nil || !proto.HasExtension(f.Options(), validate.E_Field) {
		return false
	}
	rules, ok := proto.GetExtension(f.Options(), validate.E_Field).(*validate.FieldRules)
	return ok && rules.GetRepeated().GetItems().GetIgnore() == validate.Ignore_IGNORE_ALWAYS
}

func checkValue(f protoreflect.FieldDescriptor, value protoreflect.Value, path string, depth int) error {
	switch f.Kind() {
	case protoreflect.StringKind:
		return checkText(value.String(), path)
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return checkTexts(value.Message(), path+".", depth+1)
	default:
		return nil
	}
}

func checkText(text, path string) error {
	if strings.IndexByte(text, 0) >= 0 {
		return fault.Field(path, "must not hold the character U+0000")
	}
	if !utf8.ValidString(text) {
		return fault.Field(path, "must be UTF-8")
	}
	return nil
}
