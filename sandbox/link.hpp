// Messages over a socket, with their length before them; see wire.hpp.

#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <string>

extern "C" {

// The other side has ended, or says what it cannot mean.
[[noreturn]] void codemix_gone() { _exit(3); }

void codemix_send(const std::string& message) {
  const size_t size = message.size();
  std::string whole(reinterpret_cast<const char*>(&size), sizeof size);
  whole += message;
  for (size_t done = 0; done < whole.size();) {
    const ssize_t count = send(kLink, whole.data() + done, whole.size() - done, MSG_NOSIGNAL);
    if (count <= 0) codemix_gone();
    done += static_cast<size_t>(count);
  }
}

void codemix_receive(std::string* message) {
  const size_t most = size_t{64} << 20;
  size_t size = 0;
  const auto take = [](char* to, size_t count) {
    for (size_t done = 0; done < count;) {
      const ssize_t got = recv(kLink, to + done, count - done, 0);
      if (got <= 0) codemix_gone();
      done += static_cast<size_t>(got);
    }
  };
  take(reinterpret_cast<char*>(&size), sizeof size);
  if (size > most) codemix_gone();
  message->resize(size);
  take(&(*message)[0], size);
}

}  // extern "C"
