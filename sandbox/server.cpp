// A program whose function is asked for by tests in another process. It runs on the program's side
// and knows nothing of the tests: what it sends them is checked there.

#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>

const int kLink = 4;
#include "link.hpp"

int main() {
  for (const char* path : {"/tmp/program.so", "/tmp/serve.so"}) {
    void* loaded = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (loaded == nullptr) {
      std::fprintf(stderr, "%s\n", dlerror());
      return 1;
    }
    if (auto serve = reinterpret_cast<void (*)()>(dlsym(loaded, "codemix_serve"))) {
      codemix_send("loaded");
      serve();  // until the tests have ended
    }
  }
}
