// Reports each GoogleTest result over a private descriptor; part of what loads every program.
//
// Descriptor 3 gives the nonce that every record begins with; descriptor 4 takes the records.
// The nonce is kept on a page of its own, somewhere, which cannot be read but while a record is
// written, and is copied nowhere else.
// Only when both are taken away is the program loaded. So nothing of it, no constructor of any
// priority and no resolver of a function, runs while they are there, and a program that writes to
// inherited descriptors reaches nothing and a record without the nonce shows. It is loaded before
// any other constructor here runs, as it comes first in the tests' unit.
// Record: nonce, kind (D declared, S started, P passed, F failed, E all tests returned, X the
// program cannot be loaded, T the guard found tampering), name and message in hexadecimal,
// separated by spaces, one line.

#include <cxxabi.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

namespace {

const int kJob = 3, kResult = 4, kFirstPrivate = 100;
const size_t kMessage = 600, kPage = 4096;
const int kOutside = 0, kInside = 1;  // and 2 when the last statement of the test was reached

std::string Hex(const std::string& text) {
  static const char digits[] = "0123456789abcdef";
  std::string out;
  for (unsigned char c : text) {
    out += digits[c >> 4];
    out += digits[c & 15];
  }
  return out;
}

uint64_t Random() {
  uint64_t number = 0;
  if (getrandom(&number, sizeof number, 0) != sizeof number) _exit(1);
  return number;
}

class Nonce {
 public:
  Nonce() {
    const uintptr_t wanted = Random() & 0x3ffffffff000;
    void* page = mmap(reinterpret_cast<void*>(wanted), kPage, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) _exit(1);
    mask_ = Random();
    masked_ = reinterpret_cast<uintptr_t>(page) ^ mask_;
    char* next = Page();
    while (next < Page() + kPage && read(kJob, next, 1) == 1 && *next != '\n') ++next;
    size_ = static_cast<size_t>(next - Page());
    mprotect(Page(), kPage, PROT_NONE);
  }

  // A line that begins with the nonce.
  void Write(int descriptor, const std::string& rest) const {
    mprotect(Page(), kPage, PROT_READ);
    const iovec parts[] = {{Page(), size_}, {const_cast<char*>(rest.data()), rest.size()}};
    const ssize_t count = writev(descriptor, parts, 2);
    mprotect(Page(), kPage, PROT_NONE);
    if (count < static_cast<ssize_t>(size_)) return;
    size_t done = static_cast<size_t>(count) - size_;
    while (done < rest.size()) {
      const ssize_t more = write(descriptor, rest.data() + done, rest.size() - done);
      if (more <= 0) return;
      done += static_cast<size_t>(more);
    }
  }

 private:
  char* Page() const { return reinterpret_cast<char*>(masked_ ^ mask_); }

  uintptr_t mask_, masked_;
  size_t size_;
};

class Recorder : public testing::EmptyTestEventListener {
 public:
  Recorder() {
    descriptor_ = fcntl(kResult, F_DUPFD_CLOEXEC, kFirstPrivate);
    close(kJob);
    close(kResult);
  }

  void OnTestProgramStart(const testing::UnitTest& unit) override {
    for (int i = 0; i < unit.total_test_suite_count(); ++i) {
      const testing::TestSuite* suite = unit.GetTestSuite(i);
      for (int j = 0; j < suite->total_test_count(); ++j) {
        const testing::TestInfo* info = suite->GetTestInfo(j);
        if (info->should_run()) Write('D', Name(*info), "");
      }
    }
  }

  void OnTestStart(const testing::TestInfo& info) override {
    message_.clear();
    failed_ = false;
    if (place_ != nullptr) *place_ = kOutside;
    Write('S', Name(info), "");
  }

  void OnTestPartResult(const testing::TestPartResult& part) override {
    failed_ = failed_ || part.failed();
    if (!part.passed() && message_.size() < kMessage) {
      message_ += std::string(part.message()).substr(0, kMessage) + "\n";
    }
  }

  void OnTestEnd(const testing::TestInfo& info) override {
    const bool passed = info.result()->Passed();
    if (passed && failed_) Tampered("a failure was taken back");
    if (passed && place_ != nullptr && *place_ == kInside) Tampered("a test was left before its end");
    Write(passed ? 'P' : 'F', Name(info), message_);
  }

  // Where the tests' unit says how far the present test has come.
  void Watch(int* place) { place_ = place; }

  void OnTestProgramEnd(const testing::UnitTest&) override { Write('E', "", ""); }

  void Unloadable(const std::string& why) { Write('X', "", why); }

  // Any kind of record that the judge does not know counts as tampering.
  void Tampered(const char* what) { Write('T', "", what); }

 private:
  static std::string Name(const testing::TestInfo& info) {
    return std::string(info.test_suite_name()) + "." + info.name();
  }

  void Write(char kind, const std::string& name, const std::string& message) {
    nonce_.Write(descriptor_, std::string(" ") + kind + " " + Hex(name) + " " + Hex(message) + "\n");
  }

  Nonce nonce_;
  std::string message_;
  bool failed_ = false;
  int* place_ = nullptr;
  int descriptor_;
};

const char kProgram[] = "/tmp/program.so";
const char kTests[] = "/tmp/tests.so";  // unless they are in the program
const char kUndefined[] = "undefined symbol: ";

Recorder* recorder;
unsigned chance;
void* program;
void* tests;

// What a linker would say.
std::string Reason(const std::string& complaint) {
  const size_t at = complaint.find(kUndefined);
  if (at == std::string::npos) return complaint;
  const size_t from = at + sizeof(kUndefined) - 1;
  const std::string name = complaint.substr(from, complaint.find_first_of(" ,", from) - from);
  char* readable = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, nullptr);
  return "undefined reference to `" + (readable == nullptr ? name : std::string(readable)) + "'";
}

void* Load(const char* path) {
  void* loaded = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
  if (loaded != nullptr) return loaded;
  recorder->Unloadable(Reason(dlerror()));
  _exit(1);
}

struct Installer {
  Installer() {
    recorder = new Recorder;
    chance = static_cast<unsigned>(Random()) | 1;
    testing::UnitTest::GetInstance()->listeners().Append(recorder);
    const bool apart = access(kTests, F_OK) == 0;
    program = Load(kProgram);
    tests = apart ? Load(kTests) : program;
  }
} installer __attribute__((init_priority(101)));

}  // namespace

int main(int argc, char** argv) {
  using Main = int (*)(int, char**);
  for (void* loaded : {program, tests}) {
    if (auto own = reinterpret_cast<Main>(dlsym(loaded, "main"))) return own(argc, argv);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}

// What the guard in the tests' unit calls.
extern "C" void codemix_report(const char* what) { recorder->Tampered(what); }
extern "C" bool codemix_watch(int* place) {
  recorder->Watch(place);
  return true;
}
extern "C" unsigned codemix_chance() {
  chance ^= chance << 13;
  chance ^= chance >> 17;
  chance ^= chance << 5;
  return chance >> 4;
}
