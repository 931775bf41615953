// Reports each GoogleTest result over a private descriptor; part of what loads every program.
//
// Descriptor 3 gives the nonce that every record begins with, in a line of its own, and then which
// tests to run; descriptor 4 takes the records.
// The nonce is kept on a page of its own, somewhere, which cannot be read but while a record is
// written; where a program is in the same process it is copied nowhere else.
// Only when both are taken away is the program loaded. So nothing of it, no constructor of any
// priority and no resolver of a function, runs while they are there, and a program that writes to
// inherited descriptors reaches nothing and a record without the nonce shows. It is loaded before
// any other constructor here runs, as it comes first in the tests' unit.
// There is a program alone, with its tests in it, or it and its tests, or tests alone: these run for
// one program after another, each in a process of its own that they ask over a socket, descriptor 5
// (wire.hpp). Descriptor 3 is then a socket to the judge, which orders each run.
// Record: nonce, kind (D declared, S started, P passed, F failed, E all tests returned, X the
// program cannot be loaded, T the guard found tampering), name and message in hexadecimal,
// separated by spaces, one line.

#include <cxxabi.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>

#include <gtest/gtest.h>

const int kLink = 5;
#include "link.hpp"

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
  // Reads it, to the end of a line, from what the function gives.
  template <class Next>
  void Take(Next next) {
    const uintptr_t wanted = Random() & 0x3ffffffff000;
    void* page = mmap(reinterpret_cast<void*>(wanted), kPage, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) _exit(1);
    mask_ = Random();
    masked_ = reinterpret_cast<uintptr_t>(page) ^ mask_;
    char* to = Page();
    while (to < Page() + kPage && next(to) && *to != '\n') ++to;
    size_ = static_cast<size_t>(to - Page());
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

  uintptr_t mask_ = 0, masked_ = 0;
  size_t size_ = 0;
};

// All that is left to read.
std::string Rest(int descriptor) {
  std::string text;
  char part[4096];
  ssize_t count;
  while ((count = read(descriptor, part, sizeof part)) > 0) text.append(part, static_cast<size_t>(count));
  return text;
}

class Recorder : public testing::EmptyTestEventListener {
 public:
  // From the descriptors that a program is started with; the tests that are to run.
  std::string Begin() {
    nonce_.Take([](char* to) { return read(kJob, to, 1) == 1; });
    const std::string filter = Rest(kJob);
    descriptor_ = fcntl(kResult, F_DUPFD_CLOEXEC, kFirstPrivate);
    close(kJob);
    close(kResult);
    return filter;
  }

  // For one program of many.
  void Begin(const std::string& nonce, int descriptor) {
    size_t at = 0;
    nonce_.Take([&](char* to) { return at < nonce.size() && ((*to = nonce[at++]), true); });
    descriptor_ = descriptor;
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
  int descriptor_ = -1;
};

const char kProgram[] = "/tmp/program.so";
const char kTests[] = "/tmp/tests.so";
const char kUndefined[] = "undefined symbol: ";

Recorder* recorder;
unsigned chance;
void* program;
void* tests;
std::string* wanted;  // a filter of GoogleTest's

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
    const bool alone = apart && access(kProgram, F_OK) != 0;
    if (!alone) {
      wanted = new std::string(recorder->Begin());
      program = Load(kProgram);
    }
    if (apart) tests = Load(kTests);
  }
} installer __attribute__((init_priority(101)));

// What the judge orders: {"nonce":"..."}, of letters that stand for themselves.
std::string NonceOf(const std::string& order) {
  const std::string opening = "{\"nonce\":\"";
  return order.substr(opening.size(), order.find('"', opening.size()) - opening.size());
}

void Say(const std::string& text) {
  if (send(kJob, text.data(), text.size(), MSG_NOSIGNAL) < 0) _exit(0);
}

// Waits for the child; ends it, and this process, when the judge is gone or does not want to wait.
int Ended(pid_t child) {
  pollfd watched[] = {{static_cast<int>(syscall(SYS_pidfd_open, child, 0)), POLLIN, 0},
                      {kJob, POLLIN, 0}};
  poll(watched, 2, -1);
  const bool alive = watched[0].revents == 0;
  if (alive) kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  if (alive) _exit(0);
  close(watched[0].fd);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

// Without a program: returns in a new process for each that the judge has asked.
void Serve() {
  Say("{}");
  for (;;) {
    std::string order(4096, 0);
    alignas(cmsghdr) char room[CMSG_SPACE(3 * sizeof(int))];
    iovec part{&order[0], order.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = room;
    message.msg_controllen = sizeof room;
    const ssize_t count = recvmsg(kJob, &message, 0);
    const cmsghdr* given = CMSG_FIRSTHDR(&message);
    if (count <= 0 || given == nullptr) _exit(0);
    order.resize(static_cast<size_t>(count));
    int descriptors[3];
    memcpy(descriptors, CMSG_DATA(given), sizeof descriptors);
    const pid_t child = fork();
    if (child == 0) {
      close(kJob);
      const int records = fcntl(descriptors[1], F_DUPFD_CLOEXEC, kFirstPrivate);
      if (dup2(descriptors[0], kLink) < 0 || records < 0) _exit(1);
      recorder->Begin(NonceOf(order) + "\n", records);
      chance = static_cast<unsigned>(Random()) | 1;
      lseek(descriptors[2], 0, SEEK_SET);
      wanted = new std::string(Rest(descriptors[2]));
      codemix_receive(&order);  // the program is loaded
      return;
    }
    for (int descriptor : descriptors) close(descriptor);
    if (child < 0) _exit(1);
    Say("{\"status\":" + std::to_string(Ended(child)) + "}");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (program == nullptr) Serve();
  testing::GTEST_FLAG(filter) = *wanted;
  using Main = int (*)(int, char**);
  for (void* loaded : {program, tests}) {
    if (loaded == nullptr) continue;
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
