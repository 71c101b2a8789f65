package userpool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// params are the members of a request that its operation knows, typed: string,
// map[string]string, int, or as JSON has it. Members that the operation doesn't
// know are dropped.
type params map[string]any

func (p params) text(name string) string {
	s, _ := p[name].(string)
	return s
}

func (p params) texts(name string) map[string]string {
	m, _ := p[name].(map[string]string)
	return m
}

func (p params) fields(name string) map[string]any {
	m, _ := p[name].(map[string]any)
	return m
}

func (p params) number(name string) int {
	n, _ := p[name].(int)
	return n
}

// kind is the JSON type that a member must have.
type kind int

const (
	text kind = iota
	textMap
	integer
	attributeList
	structure // its members are looked at by the operation, if at all
)

// member is one member of an operation's input with its constraints, as the
// API model gives them.
type member struct {
	name     string
	kind     kind
	required bool
	pattern  *regexp.Regexp
	min, max int // length in characters, or of a number; 0: no limit
	enum     []string
}

// decode reads a request body by the operation's shape. It fails with
// SerializationException for what is no JSON object or has members of a wrong
// type, and with InvalidParameterException for broken constraints.
func decode(body []byte, shape []member) (params, *apiError) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var raw map[string]any
	if err := decoder.Decode(&raw); err != nil {
		return nil, refuse("SerializationException", "")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, refuse("SerializationException", "")
	}
	known := params{}
	for _, m := range shape {
		value, err := m.convert(raw[m.name])
		if err != nil {
			return nil, err
		}
		if value != nil {
			known[m.name] = value
		}
	}
	return known, validate(known, shape)
}

// convert types a decoded JSON value. JSON's null counts as absent.
func (m member) convert(value any) (any, *apiError) {
	if value == nil {
		return nil, nil
	}
	switch m.kind {
	case text:
		s, ok := value.(string)
		if !ok {
			return nil, wrongType(value)
		}
		return s, nil
	case textMap:
		object, ok := value.(map[string]any)
		if !ok {
			return nil, wrongType(value)
		}
		texts, refusal := convertMap(object)
		return texts, refusal
	case attributeList:
		return convertAttributes(value)
	case integer:
		return convertNumber(value)
	default:
		object, ok := value.(map[string]any)
		if !ok {
			return nil, wrongType(value)
		}
		return object, nil
	}
}

// convertAttributes makes a map of a list of names and values. Of a name that is
// there twice the last counts.
func convertAttributes(value any) (any, *apiError) {
	list, isList := value.([]any)
	if !isList {
		return nil, wrongType(value)
	}
	attributes := map[string]string{}
	for _, each := range list {
		object, isObject := each.(map[string]any)
		if !isObject {
			return nil, wrongType(each)
		}
		texts, refusal := convertMap(object)
		if refusal != nil {
			return nil, refusal
		}
		if texts["Name"] == "" {
			return nil, invalidParameter("1 validation error detected: Value at 'userAttributes' failed to satisfy constraint: Member must not be null")
		}
		attributes[texts["Name"]] = texts["Value"]
	}
	return attributes, nil
}

func convertNumber(value any) (any, *apiError) {
	n, isNumber := value.(json.Number)
	if !isNumber {
		return nil, wrongType(value)
	}
	whole, err := n.Int64()
	if err != nil {
		return nil, refuse("SerializationException", "")
	}
	return int(whole), nil
}

func convertMap(object map[string]any) (map[string]string, *apiError) {
	texts := make(map[string]string, len(object))
	for key, value := range object {
		switch v := value.(type) {
		case string:
			texts[key] = v
		case nil: // absent
		default:
			return nil, wrongType(value)
		}
	}
	return texts, nil
}

// wrongType is AWS's answer to a member of another JSON type than the model's.
func wrongType(value any) *apiError {
	message := "Unexpected field type"
	switch v := value.(type) {
	case map[string]any:
		message = "Start of structure or map found where not expected."
	case []any:
		message = "Start of list found where not expected"
	case json.Number:
		message = "NUMBER_VALUE can not be converted to a String"
	case bool:
		message = strings.ToUpper(fmt.Sprint(v)) + "_VALUE can not be converted to a String"
	}
	return refuse("SerializationException", "%s", message)
}

// validate checks the constraints of the API model. All that is broken is told
// at once, as AWS does.
func validate(p params, shape []member) *apiError {
	var broken []string
	for _, m := range shape {
		if b := m.broken(p); b != "" {
			broken = append(broken, b)
		}
	}
	if len(broken) == 0 {
		return nil
	}
	plural := ""
	if len(broken) > 1 {
		plural = "s"
	}
	return invalidParameter("%d validation error%s detected: %s", len(broken), plural, strings.Join(broken, "; "))
}

// broken names the first constraint that p breaks for this member. Values
// aren't quoted: many of them are secrets.
func (m member) broken(p params) string {
	at := "Value at '" + strings.ToLower(m.name[:1]) + m.name[1:] + "' failed to satisfy constraint: "
	value, given := p[m.name]
	if !given {
		if m.required {
			return at + "Member must not be null"
		}
		return ""
	}
	if n, isNumber := value.(int); isNumber && n < m.min {
		return at + fmt.Sprintf("Member must have value greater than or equal to %d", m.min)
	} else if isNumber && n > m.max {
		return at + fmt.Sprintf("Member must have value less than or equal to %d", m.max)
	}
	s, isText := value.(string)
	if !isText {
		return ""
	}
	length := len([]rune(s))
	switch {
	case m.min > 0 && length < m.min:
		return at + fmt.Sprintf("Member must have length greater than or equal to %d", m.min)
	case m.max > 0 && length > m.max:
		return at + fmt.Sprintf("Member must have length less than or equal to %d", m.max)
	case m.pattern != nil && !m.pattern.MatchString(s):
		source := strings.TrimSuffix(strings.TrimPrefix(m.pattern.String(), "^(?:"), ")$")
		return at + "Member must satisfy regular expression pattern: " + source
	case m.enum != nil && !slices.Contains(m.enum, s):
		return at + "Member must satisfy enum value set: [" + strings.Join(m.enum, ", ") + "]"
	}
	return ""
}
