// Watches what the tests compare. Stands between GoogleTest and the program, with a word that no
// program knows in place of WORD, so nothing here can be specialised, overloaded or renamed.
//
// A call that the tests make is rewritten from f(x) to (WORD, f(x)): a class where the signature
// promises a number, or a class of the program's own where it promises one of std, does not
// compile. Where a class is compared all the same, what it says is not believed blindly: values
// of std are compared once more, part by part; a class that equals a number, a text or a
// container must not equal another one as well; operators must not contradict each other.
// Tests say when they begin and when they have come to their end, so none can be left in between.
// Not seen: two values of one class of the program's own, for which only it can say what is
// equal; classes of the program's own that the tests compare without a macro of GoogleTest.

#pragma once

#include <gtest/gtest.h>

#include <cstring>

namespace testing {
namespace internal {
namespace WORD {

void Report(const char*) __asm__("codemix_report");
unsigned Chance() __asm__("codemix_chance");
bool Watch(int*) __asm__("codemix_watch");
constexpr int kOutside = 0;

// --- what a type is made of; by the compiler's own means, for std's traits can be specialised

enum { kScalar, kBit, kText, kParts, kOrdered, kUnordered, kOptional, kOpaque, kMoves, kForeign };

template <class T>
constexpr bool kClass = __is_class(T) || __is_union(T) || __is_enum(T);

template <class T>
struct Kind {
  static constexpr int is = kClass<T> ? kForeign : kScalar;
};
template <class T>
struct Kind<const T> : Kind<T> {};
template <class T>
struct Kind<T&> : Kind<T> {};
template <class T>
struct Kind<T&&> : Kind<T> {};
template <int kind, class... Inside>
struct Made {
  static constexpr bool foreign = ((Kind<Inside>::is == kForeign) || ...);
  static constexpr bool moves = ((Kind<Inside>::is == kMoves) || ...);
  static constexpr int is = foreign ? kForeign : moves ? kMoves : kind;
};
template <class R, class... A>
struct Kind<R(A...)> : Made<kScalar, R, A...> {};
template <class T, size_t n>
struct Kind<std::array<T, n>> : Made<kOrdered, T> {};
template <class T, class A>
struct Kind<std::basic_string<char, T, A>> : Made<kText, T, A> {};
template <>
struct Kind<std::string_view> : Made<kText> {};
template <>
struct Kind<std::vector<bool>::reference> : Made<kBit> {};

#define WORD_KIND(name, kind) \
  template <class... A>       \
  struct Kind<std::name<A...>> : Made<kind, A...> {}
WORD_KIND(allocator, kOpaque);
WORD_KIND(basic_string, kOpaque);
WORD_KIND(char_traits, kOpaque);
WORD_KIND(default_delete, kOpaque);
WORD_KIND(equal_to, kOpaque);
WORD_KIND(function, kOpaque);
WORD_KIND(greater, kOpaque);
WORD_KIND(hash, kOpaque);
WORD_KIND(less, kOpaque);
WORD_KIND(map, kOrdered);
WORD_KIND(multimap, kOrdered);
WORD_KIND(multiset, kOrdered);
WORD_KIND(optional, kOptional);
WORD_KIND(pair, kParts);
WORD_KIND(set, kOrdered);
WORD_KIND(shared_ptr, kOpaque);
WORD_KIND(tuple, kParts);
WORD_KIND(unique_ptr, kMoves);
WORD_KIND(unordered_map, kUnordered);
WORD_KIND(unordered_multimap, kUnordered);
WORD_KIND(variant, kOpaque);
WORD_KIND(vector, kOrdered);

template <bool number>
struct Call {};
template <bool number, class T>
constexpr T operator,(Call<number>, T&& value) {
  constexpr int kind = Kind<T>::is;
  static_assert(number ? kind <= kBit : kind != kForeign, "WORD");
  return static_cast<T&&>(value);
}

// --- values of one type of std, compared without any operator of a class

template <class T>
bool Same(const T& a, const T& b);

template <class T, size_t... i>
bool SameParts(const T& a, const T& b, std::index_sequence<i...>) {
  return (Same(std::get<i>(a), std::get<i>(b)) && ...);
}

template <class T>
bool SameInAnyOrder(const T& a, const T& b) {
  if (a.size() != b.size() || a.size() > 300) return a.size() == b.size();
  for (const auto& x : a) {
    bool found = false;
    for (const auto& y : b) found = found || Same(x, y);
    if (!found) return false;
  }
  return true;
}

template <class T>
bool Same(const T& a, const T& b) {
  constexpr int kind = Kind<T>::is;
  if constexpr (kind == kScalar) {
    return a == b;
  } else if constexpr (__is_enum(T)) {
    return static_cast<__underlying_type(T)>(a) == static_cast<__underlying_type(T)>(b);
  } else if constexpr (kind == kText) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
  } else if constexpr (kind == kParts) {
    return SameParts(a, b, std::make_index_sequence<std::tuple_size<T>::value>());
  } else if constexpr (kind == kOptional) {
    return a.has_value() == b.has_value() && (!a.has_value() || Same(*a, *b));
  } else if constexpr (kind == kUnordered) {
    return SameInAnyOrder(a, b);
  } else if constexpr (kind == kOrdered) {
    auto j = b.begin();
    for (const auto& x : a) {
      if (j == b.end() || !Same(x, *j)) return false;
      ++j;
    }
    return j == b.end();
  } else {
    return true;
  }
}

struct View {
  const char* text;
  size_t size;
};
template <class T>
View Text(const T& text) {
  return {text.data(), text.size()};
}
inline View Text(const char* text) { return {text, std::strlen(text)}; }

template <class T>
constexpr bool kLetters = Kind<T>::is == kText;
template <>
constexpr bool kLetters<const char*> = true;
template <>
constexpr bool kLetters<char*> = true;
template <size_t n>
constexpr bool kLetters<char[n]> = true;

// --- a class beside another type: what else does it equal?

template <class T>
bool Alter(T& value);

template <class T, size_t... i>
bool AlterParts(T& value, std::index_sequence<i...>) {
  return (Alter(std::get<i>(value)) || ...);
}

template <class T>
auto AlterItems(T& value, int) -> decltype(value.push_back(*value.begin()), true) {
  auto item = *value.begin();
  if (!Alter(item)) return false;
  *value.begin() = item;
  return true;
}
template <class T>
auto AlterItems(T& value, long) -> decltype(value.clear(), true) {
  value.clear();
  return true;
}
inline bool AlterItems(...) { return false; }

// Gives a value another one; whether it could.
template <class T>
bool Alter(T& value) {
  constexpr int kind = Kind<T>::is;
  if constexpr (std::is_const<T>::value) {
    return false;
  } else if constexpr (std::is_same<T, bool>::value) {
    value = !value;
    return true;
  } else if constexpr (std::is_floating_point<T>::value) {
    value = value - value == 0 ? value + (value < 0 ? -value : value) + 1 : 0;
    return true;
  } else if constexpr (std::is_integral<T>::value) {
    value = static_cast<T>(value ^ static_cast<T>(1 + Chance() % 127));
    return true;
  } else if constexpr (kind == kText && !std::is_same<T, std::string_view>::value) {
    value += static_cast<char>('a' + Chance() % 26);
    return true;
  } else if constexpr (kind == kParts) {
    return AlterParts(value, std::make_index_sequence<std::tuple_size<T>::value>());
  } else if constexpr (kind == kOrdered || kind == kUnordered) {
    return value.size() != 0 && AlterItems(value, 0);
  } else {
    return false;
  }
}

// Whether the integers that something equals are anything but one class modulo m > 1, or one.
template <class T, class Ask>
bool EqualsOddIntegers(T value, Ask ask) {
  const int first = std::is_signed<T>::value ? -64 : 0;
  int before = 0, seen = 0, step = 0;
  for (int n = first; n < 64; ++n) {
    if (!ask(static_cast<T>(n))) continue;
    if (seen > 0 && (n == before + 1 || (seen > 1 && n - before != step))) return true;
    step = n - before;
    before = n;
    ++seen;
  }
  if (seen > 1 && (before + step < 64 || before - (seen - 1) * step - step >= first)) return true;
  const auto bits = static_cast<unsigned long long>(value);
  return ask(static_cast<T>(bits + 1)) || ask(static_cast<T>(bits - 1));
}

template <class T, class Ask>
bool EqualsAnother(const T& value, Ask ask) {
  if constexpr (std::is_same<T, bool>::value) {
    return ask(!value);
  } else if constexpr (std::is_integral<T>::value) {
    if (EqualsOddIntegers(value, ask)) return true;
    const T other = static_cast<T>(Chance());
    return ask(other) && ask(static_cast<T>(other + T(1)));
  } else if constexpr (kLetters<T> && Kind<T>::is != kText) {
    std::string other(value);
    Alter(other);
    const char* text = other.c_str();
    return ask(text);
  } else if constexpr (Kind<T>::is != kMoves && Kind<T>::is != kForeign) {
    T other(value);
    return Alter(other) && ask(const_cast<const T&>(other));
  } else {
    return false;
  }
}

// The first few comparisons at one place, then some of them: it may stand in a long loop.
template <class A, class B>
bool Looks() {
  static int looks = 0;
  return ++looks <= 50 || Chance() % 50 == 0;
}

template <class A, class B>
auto Asked(const A& a, const B& b, int) -> decltype(a == b ? true : false) {
  return a == b ? true : false;
}
template <class A, class B>
bool Asked(const A&, const B&, long) {
  return false;
}

template <class A, class B>
bool Believable(const A& a, const B& b) {
  const auto left = [&](const auto& other) { return Asked(other, b, 0); };
  const auto right = [&](const auto& other) { return Asked(a, other, 0); };
  for (unsigned again = Chance() % 4 + 1; again > 0; --again) {
    if (EqualsAnother(b, right) || EqualsAnother(a, left)) return false;
  }
  return true;
}

const char kAgrees[] = "a test was given a value that equals values that differ from each other";
const char kContradicts[] = "a test was given a value whose operators contradict each other";
const char kStandard[] = "two different values of the standard library were called equal";

template <class A, class B>
bool Equals(const A& a, const B& b) {
  if constexpr (!kClass<A> && !kClass<B>) {
    return a == b;
  } else if constexpr (std::is_same<A, B>::value) {
    if (!(a == b)) return false;
    if (!Same(a, b)) Report(kStandard);
    return true;
  } else if constexpr (kLetters<A> && kLetters<B>) {
    if (!(a == b)) return false;
    const View x = Text(a), y = Text(b);
    if (x.size != y.size || std::memcmp(x.text, y.text, x.size) != 0) Report(kStandard);
    return true;
  } else {
    const bool looks = Looks<A, B>();
    const bool good = !looks || Believable(a, b);
    if (!(a == b)) return false;
    if (!good || (looks && !Believable(a, b))) Report(kAgrees);
    return true;
  }
}

// --- what the macros of GoogleTest call

struct Eq {
  template <class A, class B,
            std::enable_if_t<!std::is_integral<A>::value || !std::is_pointer<B>::value, int> = 0>
  static AssertionResult Compare(const char* x, const char* y, const A& a, const B& b) {
    if (Equals(a, b)) return AssertionSuccess();
    return ::testing::internal::CmpHelperEQFailure(x, y, a, b);
  }
  static AssertionResult Compare(const char* x, const char* y, BiggestInt a, BiggestInt b) {
    if (a == b) return AssertionSuccess();
    return ::testing::internal::CmpHelperEQFailure(x, y, a, b);
  }
  template <class T>
  static AssertionResult Compare(const char* x, const char* y, std::nullptr_t, T* b) {
    if (b == nullptr) return AssertionSuccess();
    return ::testing::internal::CmpHelperEQFailure(x, y, static_cast<T*>(nullptr), b);
  }
};

#define WORD_RELATION(name, op, opposite)                                                        \
  template <class A, class B>                                                                    \
  auto Contradicts##name(const A& a, const B& b, int)->decltype(a opposite b ? true : false) {   \
    return a opposite b ? true : false;                                                          \
  }                                                                                              \
  template <class A, class B>                                                                    \
  bool Contradicts##name(const A&, const B&, long) {                                             \
    return false;                                                                                \
  }                                                                                              \
  template <class A, class B>                                                                    \
  AssertionResult name(const char* x, const char* y, const A& a, const B& b) {                   \
    if (!(a op b)) return ::testing::internal::CmpHelperOpFailure(x, y, a, b, #op);              \
    if constexpr (kClass<A> || kClass<B>) {                                                      \
      if (Contradicts##name(a, b, 0)) Report(kContradicts);                                      \
    }                                                                                            \
    return AssertionSuccess();                                                                   \
  }
WORD_RELATION(Ne, !=, ==)
WORD_RELATION(Lt, <, >=)
WORD_RELATION(Le, <=, >)
WORD_RELATION(Gt, >, <=)
WORD_RELATION(Ge, >=, <)

constexpr struct Truth {
} kTruth;
template <class T>
auto NotBoth(T& value, int) -> decltype(value ? true : false, !value ? true : false) {
  return (value ? true : false) != (!value ? true : false);
}
template <class T>
bool NotBoth(T&, long) {
  return true;
}
template <class T, std::enable_if_t<kClass<std::remove_reference_t<T>>, int> = 0>
T&& operator,(Truth, T&& value) {
  if (!NotBoth(value, 0)) Report(kContradicts);
  return static_cast<T&&>(value);
}

}  // namespace WORD
}  // namespace internal
}  // namespace testing

#undef EXPECT_EQ
#define EXPECT_EQ(a, b) EXPECT_PRED_FORMAT2(::testing::internal::WORD::Eq::Compare, a, b)
#undef EXPECT_NE
#define EXPECT_NE(a, b) EXPECT_PRED_FORMAT2(::testing::internal::WORD::Ne, a, b)
#undef EXPECT_LT
#define EXPECT_LT(a, b) EXPECT_PRED_FORMAT2(::testing::internal::WORD::Lt, a, b)
#undef EXPECT_LE
#define EXPECT_LE(a, b) EXPECT_PRED_FORMAT2(::testing::internal::WORD::Le, a, b)
#undef EXPECT_GT
#define EXPECT_GT(a, b) EXPECT_PRED_FORMAT2(::testing::internal::WORD::Gt, a, b)
#undef EXPECT_GE
#define EXPECT_GE(a, b) EXPECT_PRED_FORMAT2(::testing::internal::WORD::Ge, a, b)
#undef EXPECT_TRUE
#define EXPECT_TRUE(a) \
  GTEST_TEST_BOOLEAN_((::testing::internal::WORD::kTruth, a), #a, false, true, GTEST_NONFATAL_FAILURE_)
#undef EXPECT_FALSE
#define EXPECT_FALSE(a) \
  GTEST_TEST_BOOLEAN_(!((::testing::internal::WORD::kTruth, a)), #a, true, false, GTEST_NONFATAL_FAILURE_)
#undef ASSERT_EQ
#define ASSERT_EQ(a, b) ASSERT_PRED_FORMAT2(::testing::internal::WORD::Eq::Compare, a, b)
#undef ASSERT_NE
#define ASSERT_NE(a, b) ASSERT_PRED_FORMAT2(::testing::internal::WORD::Ne, a, b)
#undef ASSERT_LT
#define ASSERT_LT(a, b) ASSERT_PRED_FORMAT2(::testing::internal::WORD::Lt, a, b)
#undef ASSERT_LE
#define ASSERT_LE(a, b) ASSERT_PRED_FORMAT2(::testing::internal::WORD::Le, a, b)
#undef ASSERT_GT
#define ASSERT_GT(a, b) ASSERT_PRED_FORMAT2(::testing::internal::WORD::Gt, a, b)
#undef ASSERT_GE
#define ASSERT_GE(a, b) ASSERT_PRED_FORMAT2(::testing::internal::WORD::Ge, a, b)
#undef ASSERT_TRUE
#define ASSERT_TRUE(a) \
  GTEST_TEST_BOOLEAN_((::testing::internal::WORD::kTruth, a), #a, false, true, GTEST_FATAL_FAILURE_)
#undef ASSERT_FALSE
#define ASSERT_FALSE(a) \
  GTEST_TEST_BOOLEAN_(!((::testing::internal::WORD::kTruth, a)), #a, true, false, GTEST_FATAL_FAILURE_)
