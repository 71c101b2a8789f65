package profiles

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/adrg/xdg"

	"github.com/cogtok/cogtok/internal/printable"
)

// DefaultPath returns where the config is when neither --config nor
// COGTOK_CONFIG says otherwise: $XDG_CONFIG_HOME/cogtok/config.yaml.
func DefaultPath() string { return filepath.Join(xdg.ConfigHome, "cogtok", "config.yaml") }

const addHint = "run: cogtok profile add NAME"

// Load reads the config file at path. It fails with Errors: the file is missing
// ([fs.ErrNotExist]), can't be read, could have been written by somebody
// else, or holds what [Parse] refuses.
func Load(path string) (Config, error) {
	data, err := Read(path)
	if err != nil {
		return Config{}, err
	}
	return Parse(path, data)
}

// Read returns the bytes of the config file at path, with Load's checks of the
// file, but not of what it holds.
func Read(path string) ([]byte, error) {
	target, err := resolve(path)
	if err != nil {
		return nil, Errors{fileError(path, err)}
	}
	data, _, err := readFile(target)
	if err != nil {
		return nil, Errors{fileError(path, err)}
	}
	return data, nil
}

// An unsafeError is a file's fault that is no fault of the system's.
type unsafeError struct{ message, hint string }

func (e *unsafeError) Error() string { return e.message }

// fileError says that the file at path can't be used.
func fileError(path string, err error) *Error {
	e := &Error{Path: path, cause: err}
	var unsafe *unsafeError
	var pathError *fs.PathError
	var linkError *os.LinkError
	switch {
	case errors.As(err, &unsafe):
		e.Message, e.Hint = unsafe.message, printable.Text(unsafe.hint)
	case errors.Is(err, fs.ErrNotExist):
		e.Message, e.Hint = "there is no config yet", addHint
	case errors.As(err, &linkError):
		e.Message = fmt.Sprintf("can't write the config: %v", linkError.Err)
	case errors.As(err, &pathError) && slices.Contains([]string{"lstat", "stat", "open", "read"}, pathError.Op):
		e.Message = fmt.Sprintf("can't read the config: %v", pathError.Err)
	case errors.As(err, &pathError):
		e.Message = fmt.Sprintf("can't write the config: %v", pathError.Err)
	default:
		e.Message = "can't use the config"
	}
	return e
}

// resolve returns the file that path leads to: managers of dotfiles keep
// configs as symlinks. The link, the file, and the directories of both have to
// be safe from other users. For a path where nothing is, it returns path itself.
func resolve(path string) (string, error) {
	link, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	if err != nil {
		return "", err
	}
	if err := checkDirectory(filepath.Dir(path)); err != nil {
		return "", err
	}
	if link.Mode().Type() != fs.ModeSymlink {
		return path, nil
	}
	if err := checkOwner(link); err != nil {
		return "", err
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", &unsafeError{"the symlink leads nowhere", "delete it, or create the file that it names"}
	}
	return target, checkDirectory(filepath.Dir(target))
}

// readFile reads the file at path, which is no symlink.
func readFile(path string) ([]byte, fs.FileInfo, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if err := checkFile(path, info); err != nil {
		return nil, nil, err
	}
	data := new(bytes.Buffer)
	// One byte more than allowed: Parse tells of it.
	if _, err := data.ReadFrom(io.LimitReader(f, maxSize+1)); err != nil {
		return nil, nil, err
	}
	return data.Bytes(), info, nil
}

func checkFile(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return &unsafeError{"this is not a regular file", "name a file with --config"}
	}
	if err := checkOwner(info); err != nil {
		return err
	}
	return checkMode(path, info)
}
