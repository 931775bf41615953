// How a call gets from the tests' process to the program's and back: as plain data, checked as it
// is read. WORD stands for a word that no program knows.
//
// Includes nothing, so that no program and no test is forgiven a header it forgot: it knows the
// containers whose headers are there. Values arrive as they were sent, which for hash tables means
// with their elements in the same order and as many buckets.
//
// Message: a length of 8 bytes, then the arguments one after another; the answer: a kind (v value,
// e exception), the arguments that may have been changed, the value or the exception.

extern "C" {
[[noreturn]] void codemix_gone();
void codemix_send(const std::string& message);
void codemix_receive(std::string* message);
}

namespace WORD {

struct In {
  const char* at;
  const char* end;

  void Take(void* to, size_t count) {
    if (count > static_cast<size_t>(end - at)) codemix_gone();
    __builtin_memcpy(to, at, count);
    at += count;
  }
};

template <class T, class = void>
struct Wire;

template <class T>
void Put(std::string& out, const T& value) {
  Wire<T>::Put(out, value);
}
template <class T>
T Got(In& in) {
  T value{};
  Wire<T>::Get(in, value);
  return value;
}

inline void PutSize(std::string& out, size_t size) {
  out.append(reinterpret_cast<const char*>(&size), sizeof size);
}
// Elements take a byte or more as a rule, so that a short message cannot ask for much memory.
inline size_t GotSize(In& in) {
  size_t size = 0;
  in.Take(&size, sizeof size);
  if (size > static_cast<size_t>(in.end - in.at)) codemix_gone();
  return size;
}

template <class T>
struct Wire<T, std::enable_if_t<std::is_arithmetic<T>::value>> {
  static void Put(std::string& out, T value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  static void Get(In& in, T& value) { in.Take(&value, sizeof value); }
};

template <>
struct Wire<long double> {
  static constexpr size_t kBytes = __LDBL_MANT_DIG__ == 64 ? 10 : sizeof(long double);  // the rest is padding
  static void Put(std::string& out, long double value) {
    out.append(reinterpret_cast<const char*>(&value), kBytes);
  }
  static void Get(In& in, long double& value) { in.Take(&value, kBytes); }
};

template <>
struct Wire<bool> {
  static void Put(std::string& out, bool value) { out += value ? '\1' : '\0'; }
  static void Get(In& in, bool& value) {
    char byte = 0;
    in.Take(&byte, 1);
    value = byte != 0;
  }
};

template <>
struct Wire<std::string> {
  static void Put(std::string& out, const std::string& value) {
    PutSize(out, value.size());
    out += value;
  }
  static void Get(In& in, std::string& value) {
    const size_t size = GotSize(in);
    value.assign(in.at, size);
    in.at += size;
  }
};

template <class A, class B>
struct Wire<std::pair<A, B>> {
  static void Put(std::string& out, const std::pair<A, B>& value) {
    WORD::Put(out, value.first);
    WORD::Put(out, value.second);
  }
  static void Get(In& in, std::pair<A, B>& value) {
    Wire<A>::Get(in, value.first);
    Wire<B>::Get(in, value.second);
  }
};

template <class... T>
struct Wire<std::tuple<T...>> {
  static void Put(std::string& out, const std::tuple<T...>& value) {
    std::apply([&](const T&... each) { (WORD::Put(out, each), ...); }, value);
  }
  static void Get(In& in, std::tuple<T...>& value) {
    std::apply([&](T&... each) { (Wire<T>::Get(in, each), ...); }, value);
  }
};

template <class T>
struct Wire<std::optional<T>> {
  static void Put(std::string& out, const std::optional<T>& value) {
    WORD::Put(out, value.has_value());
    if (value) WORD::Put(out, *value);
  }
  static void Get(In& in, std::optional<T>& value) {
    value.reset();
    if (Got<bool>(in)) value = Got<T>(in);
  }
};

template <class C, class T>
struct Row {
  static void Put(std::string& out, const C& value) {
    PutSize(out, value.size());
    for (const T& each : value) WORD::Put(out, each);
  }
  static void Get(In& in, C& value) {
    value.clear();
    for (size_t left = GotSize(in); left > 0; --left) value.push_back(Got<T>(in));
  }
};
template <class T>
struct Wire<std::vector<T>> : Row<std::vector<T>, T> {};

template <class C, class T>
struct Sorted {
  static void Put(std::string& out, const C& value) {
    PutSize(out, value.size());
    for (const auto& each : value) WORD::Put<T>(out, each);
  }
  static void Get(In& in, C& value) {
    value.clear();
    for (size_t left = GotSize(in); left > 0; --left) value.insert(value.end(), Got<T>(in));
  }
};
template <class T>
struct Wire<std::set<T>> : Sorted<std::set<T>, T> {};
template <class T>
struct Wire<std::multiset<T>> : Sorted<std::multiset<T>, T> {};
template <class K, class V>
struct Wire<std::map<K, V>> : Sorted<std::map<K, V>, std::pair<K, V>> {};
template <class K, class V>
struct Wire<std::multimap<K, V>> : Sorted<std::multimap<K, V>, std::pair<K, V>> {};

// An element goes before those of its bucket, or before all where it is the first of its bucket;
// so from the last to the first they come to stand as they stood.
template <class C, class T>
struct Hashed {
  static void Put(std::string& out, const C& value) {
    PutSize(out, value.bucket_count());
    PutSize(out, value.size());
    for (const auto& each : value) WORD::Put<T>(out, each);
  }
  static void Get(In& in, C& value) {
    size_t buckets = 0;
    in.Take(&buckets, sizeof buckets);
    std::vector<T> elements;
    Wire<std::vector<T>>::Get(in, elements);
    C made;
    if (buckets > (size_t{1} << 26)) codemix_gone();
    if (buckets > 1) made.rehash(buckets);
    for (size_t left = elements.size(); left > 0; --left) {
      made.insert(std::move(elements[left - 1]));
    }
    value = std::move(made);
  }
};
#ifdef _UNORDERED_MAP_H
template <class K, class V>
struct Wire<std::unordered_map<K, V>> : Hashed<std::unordered_map<K, V>, std::pair<K, V>> {};
#endif
#ifdef _UNORDERED_SET_H
template <class T>
struct Wire<std::unordered_set<T>> : Hashed<std::unordered_set<T>, T> {};
#endif
#ifdef _STL_DEQUE_H
template <class T>
struct Wire<std::deque<T>> : Row<std::deque<T>, T> {};
#endif
#ifdef _STL_LIST_H
template <class T>
struct Wire<std::list<T>> : Row<std::list<T>, T> {};
#endif
#ifdef _GLIBCXX_ARRAY
template <class T, size_t N>
struct Wire<std::array<T, N>> {
  static void Put(std::string& out, const std::array<T, N>& value) {
    for (const T& each : value) WORD::Put(out, each);
  }
  static void Get(In& in, std::array<T, N>& value) {
    for (T& each : value) Wire<T>::Get(in, each);
  }
};
#endif

// --- exceptions: those of the standard by their nearest kind, with their text

struct Foreign {};
struct Other : std::exception {
  explicit Other(std::string said) : text(std::move(said)) {}
  const char* what() const noexcept override { return text.c_str(); }
  std::string text;
};

#define WORD_EXCEPTIONS(each)                                                             \
  each(0, std::invalid_argument) each(1, std::domain_error) each(2, std::length_error)    \
  each(3, std::out_of_range) each(4, std::range_error) each(5, std::overflow_error)       \
  each(6, std::underflow_error) each(7, std::logic_error) each(8, std::runtime_error)

// Must be called where an exception is handled.
inline void PutException(std::string& out) {
  const auto put = [&out](char kind, const std::string& text) {
    out += kind;
    Put(out, text);
  };
  try {
    throw;
#define WORD_CAUGHT(kind, type)   \
  } catch (const type& error) {   \
    put(kind, error.what());
    WORD_EXCEPTIONS(WORD_CAUGHT)
#undef WORD_CAUGHT
  } catch (const std::bad_alloc&) {
    put(20, "");
  } catch (const std::exception& error) {
    put(21, error.what());
  } catch (int number) {
    put(22, "");
    Put(out, number);
  } catch (const char* text) {
    put(23, text == nullptr ? "" : text);
  } catch (const std::string& text) {
    put(24, text);
  } catch (...) {
    put(25, "");
  }
}

[[noreturn]] inline void Throw(In& in) {
  const char kind = Got<char>(in);
  const std::string text = Got<std::string>(in);
#define WORD_THROWN(number, type) \
  if (kind == number) throw type(text);
  WORD_EXCEPTIONS(WORD_THROWN)
#undef WORD_THROWN
  if (kind == 20) throw std::bad_alloc();
  if (kind == 21) throw Other(text);
  if (kind == 22) throw Got<int>(in);
  if (kind == 23) throw static_cast<const char*>((new std::string(text))->c_str());
  if (kind == 24) throw std::string(text);
  throw Foreign();
}

// --- calls; P are the types of the parameters as they are declared

template <class P>
using Plain = std::remove_cv_t<std::remove_reference_t<P>>;
template <class P>
constexpr bool kChanges = std::is_lvalue_reference<P>::value && !std::is_const<std::remove_reference_t<P>>::value;

template <class P>
void PutChanged(std::string& out, const Plain<P>& value) {
  if constexpr (kChanges<P>) Put(out, value);
}
template <class P, class A>
void TakeChanged(In& in, A& value) {
  if constexpr (kChanges<P>) Wire<Plain<P>>::Get(in, value);
}

// In the tests' process.
template <class R, class... P>
struct Asked {
  static R Call(std::remove_reference_t<P>&... arguments) {
    static std::mutex busy;  // tests may have threads
    const std::lock_guard<std::mutex> alone(busy);
    std::string message;
    (Put<Plain<P>>(message, arguments), ...);
    codemix_send(message);
    codemix_receive(&message);
    In in{message.data(), message.data() + message.size()};
    const char kind = Got<char>(in);
    (TakeChanged<P>(in, arguments), ...);
    if (kind != 'v') Throw(in);
    if constexpr (!std::is_void<R>::value) {
      Plain<R> value = Got<Plain<R>>(in);
      if (in.at != in.end) codemix_gone();
      return value;
    }
  }
};

// In the program's process: what a program of another signature returns, as the asked one has it. A
// number that changes by that is one that no test expects.
template <class R, class G>
R As(G&& got) {
  using To = Plain<R>;
  using From = Plain<G>;
  if constexpr (std::is_integral<To>::value && !std::is_same<To, bool>::value && std::is_arithmetic<From>::value) {
    if (!(static_cast<To>(got) == got)) codemix_gone();
    return static_cast<To>(got);
  } else {
    return static_cast<G&&>(got);
  }
}

// In the program's process.
template <class R, class... P>
[[noreturn]] void Serve(R (*function)(P...)) {
  for (std::string message;;) {
    codemix_receive(&message);
    In in{message.data(), message.data() + message.size()};
    std::tuple<Plain<P>...> arguments{Got<Plain<P>>(in)...};
    std::string changed, value(1, 'v');
    try {
      if constexpr (std::is_void<R>::value) {
        std::apply([&](Plain<P>&... each) { function(each...); }, arguments);
        message.clear();
      } else {
        const Plain<R> result = std::apply([&](Plain<P>&... each) { return function(each...); }, arguments);
        message.clear();
        Put(message, result);
      }
    } catch (...) {
      value = "e";
      message.clear();
      PutException(message);
    }
    std::apply([&](Plain<P>&... each) { (PutChanged<P>(changed, each), ...); }, arguments);
    codemix_send(value + changed + message);
  }
}

}  // namespace WORD
