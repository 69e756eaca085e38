package pgtest

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

func TestRegistrationOfAnEarlierProcessOfTheSameIDDoesNotCount(t *testing.T) {
	p := place{t.TempDir()}
	if err := p.register(); err != nil {
		t.Fatal(err)
	}
	if p.users() == 0 {
		t.Fatal("this process is registered and does not count")
	}
	for _, name := range []string{strconv.Itoa(os.Getpid()), strconv.Itoa(os.Getppid())} {
		if err := os.WriteFile(filepath.Join(p.file(usersName), name), []byte("1"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.users(); n != 0 {
		t.Errorf("%d processes count by their id alone", n)
	}
}

// The supervisor counts without the lock, so it may come while a process writes its registration.
func TestARegistrationThatIsBeingWrittenIsKept(t *testing.T) {
	p := place{t.TempDir()}
	if err := os.Mkdir(p.file(usersName), 0o700); err != nil {
		t.Fatal(err)
	}
	registration, err := os.Create(filepath.Join(p.file(usersName), strconv.Itoa(os.Getpid())))
	if err != nil {
		t.Fatal(err)
	}
	defer registration.Close()
	if n := p.users(); n != 0 {
		t.Errorf("%d processes count before they have said who they are", n)
	}
	start, _ := startOf(os.Getpid())
	if _, err := registration.WriteString(start); err != nil {
		t.Fatal(err)
	}
	if n := p.users(); n != 1 {
		t.Errorf("%d processes count, and one has registered", n)
	}
}

func TestMeetingPlaceIsOnePerCheckout(t *testing.T) {
	inside, err := meetingPlace()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir("testdata")
	below, err := meetingPlace()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	elsewhere, err := meetingPlace()
	if err != nil {
		t.Fatal(err)
	}
	if inside != below || inside == elsewhere {
		t.Errorf("in the package %v, below it %v, elsewhere %v", inside, below, elsewhere)
	}
}

func TestAddressOfATestServerIsChecked(t *testing.T) {
	for _, address := range []string{"localhost", "postgres://localhost/postgres", "://"} {
		if _, err := newServer(address); err == nil {
			t.Errorf("%q was taken for the address of a superuser", address)
		}
	}
}
