package file

import (
	"encoding/json"
	"errors"
	"fmt"
)

// formatVersion is the version of the contents. A file of a newer version is
// left alone: it was written by a newer cogtok.
const formatVersion = 1

// contents is what the age payload holds, as JSON. Values are base64 in it.
type contents struct {
	Version int               `json:"version"`
	Values  map[string][]byte `json:"values"`
}

// errNewer means that the file was written by a newer cogtok.
var errNewer = errors.New("written by a newer cogtok")

// decode parses the payload. Every error but errNewer means that it is damaged.
// No error quotes the input, which is secret.
func decode(plain []byte) (map[string][]byte, error) {
	var c contents
	if err := json.Unmarshal(plain, &c); err != nil {
		var head struct {
			Version int `json:"version"`
		}
		if json.Unmarshal(plain, &head) == nil && head.Version > formatVersion {
			return nil, errNewer
		}
		return nil, errors.New("the contents are not as they should be")
	}
	switch {
	case c.Version > formatVersion:
		return nil, errNewer
	case c.Version != formatVersion:
		return nil, fmt.Errorf("the contents have version %d", c.Version)
	case c.Values == nil:
		c.Values = make(map[string][]byte)
	}
	return c.Values, nil
}

// encode is the inverse of decode. A map of byte slices always has a JSON form.
func encode(values map[string][]byte) ([]byte, error) {
	return json.Marshal(contents{Version: formatVersion, Values: values})
}
