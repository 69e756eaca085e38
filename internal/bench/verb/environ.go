package verb

import (
	"fmt"
	"reflect"
	"strings"
)

// Environ returns the flags that were given as NAME=value, for a program that has
// the same flags. The scenarios are arguments and not in it.
func (f Flags) Environ() []string {
	var all []string
	v := reflect.ValueOf(f)
	for i := range v.NumField() {
		name, ok := v.Type().Field(i).Tag.Lookup("env")
		if value := v.Field(i); ok && !value.IsZero() {
			all = append(all, name+"="+written(value))
		}
	}
	return all
}

// written is a value as kong reads it.
func written(v reflect.Value) string {
	if v.Kind() != reflect.Slice {
		return fmt.Sprint(v.Interface())
	}
	parts := make([]string, v.Len())
	for i := range parts {
		parts[i] = fmt.Sprint(v.Index(i).Interface())
	}
	return strings.Join(parts, ",")
}
