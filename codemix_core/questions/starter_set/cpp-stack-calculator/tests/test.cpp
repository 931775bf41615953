#include <gtest/gtest.h>
#include "../solution/solution.cpp"

TEST(StackCalculator, ANumberAlone) {
    EXPECT_EQ(calculate("42"), 42);
    EXPECT_EQ(calculate("  -7 "), -7);
    EXPECT_EQ(calculate("0"), 0);
    EXPECT_EQ(calculate("9"), 9);
}

TEST(StackCalculator, Arithmetic) {
    EXPECT_EQ(calculate("3 4 add"), 7);
    EXPECT_EQ(calculate("3 5 sub"), -2);
    EXPECT_EQ(calculate("-3 5 mul"), -15);
}

TEST(StackCalculator, ResultsAreUsedAgain) {
    EXPECT_EQ(calculate("1 2 add 3 4 add mul"), 21);
    EXPECT_EQ(calculate("10 2 3 mul sub"), 4);
}

TEST(StackCalculator, Dup) {
    EXPECT_EQ(calculate("6 dup mul"), 36);
    EXPECT_EQ(calculate("2 dup dup add add"), 6);
}

TEST(StackCalculator, Swap) {
    EXPECT_EQ(calculate("3 5 swap sub"), 2);
    EXPECT_EQ(calculate("1 2 3 swap sub mul"), 1);
}

TEST(StackCalculator, MissingNumbers) {
    EXPECT_EQ(calculate("add"), std::nullopt);
    EXPECT_EQ(calculate("1 sub"), std::nullopt);
    EXPECT_EQ(calculate("1 mul"), std::nullopt);
    EXPECT_EQ(calculate("dup"), std::nullopt);
    EXPECT_EQ(calculate("1 swap"), std::nullopt);
    EXPECT_EQ(calculate("1 add 2"), std::nullopt);
}

TEST(StackCalculator, UnknownWords) {
    EXPECT_EQ(calculate("1 2 div"), std::nullopt);
    EXPECT_EQ(calculate("1 2 ADD"), std::nullopt);
    EXPECT_EQ(calculate("1 -"), std::nullopt);
    EXPECT_EQ(calculate("5 -"), std::nullopt);
    EXPECT_EQ(calculate("1 2x add"), std::nullopt);
    EXPECT_EQ(calculate("1 2 --3 add add"), std::nullopt);
    EXPECT_EQ(calculate("1 2 3- add"), std::nullopt);
    EXPECT_EQ(calculate("x"), std::nullopt);
    EXPECT_EQ(calculate("1 2 3 - add"), std::nullopt);
}

TEST(StackCalculator, NumbersLeftOver) {
    EXPECT_EQ(calculate("1 2"), std::nullopt);
    EXPECT_EQ(calculate(""), std::nullopt);
    EXPECT_EQ(calculate("1 dup"), std::nullopt);
    EXPECT_EQ(calculate("1 2 swap"), std::nullopt);
}

TEST(StackCalculator, LargeNumbers) {
    EXPECT_EQ(calculate("3000000000 dup mul"), 9000000000000000000LL);
}
