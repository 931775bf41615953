#include <gtest/gtest.h>
#include "../solution/solution.cpp"

using Groups = std::vector<std::vector<std::string>>;

TEST(WordShapes, NoWords) { EXPECT_EQ(groupByShape({}), Groups{}); }

TEST(WordShapes, OneWord) { EXPECT_EQ(groupByShape({"noon"}), (Groups{{"noon"}})); }

TEST(WordShapes, EqualShapesMeet) {
    EXPECT_EQ(groupByShape({"noon", "abba", "peep"}), (Groups{{"abba", "noon", "peep"}}));
}

TEST(WordShapes, DifferentShapesStayApart) {
    EXPECT_EQ(groupByShape({"noon", "abab", "aabb", "aaaa", "abcd"}),
              (Groups{{"aaaa"}, {"aabb"}, {"abab"}, {"abcd"}, {"noon"}}));
}

TEST(WordShapes, LengthIsPartOfTheShape) {
    EXPECT_EQ(groupByShape({"aa", "a", "b", "bb", "ccc"}), (Groups{{"a", "b"}, {"aa", "bb"}, {"ccc"}}));
}

TEST(WordShapes, LargerGroupsComeFirst) {
    EXPECT_EQ(groupByShape({"aa", "xy", "zz", "pq", "mn", "abc"}),
              (Groups{{"mn", "pq", "xy"}, {"aa", "zz"}, {"abc"}}));
}

TEST(WordShapes, EqualSizesByFirstWord) {
    EXPECT_EQ(groupByShape({"zz", "yx", "kk", "ab"}), (Groups{{"ab", "yx"}, {"kk", "zz"}}));
    EXPECT_EQ(groupByShape({"ba", "aa"}), (Groups{{"aa"}, {"ba"}}));
}

TEST(WordShapes, RepeatedWordsAreKept) {
    EXPECT_EQ(groupByShape({"go", "egg", "go", "go"}), (Groups{{"go", "go", "go"}, {"egg"}}));
}

TEST(WordShapes, EmptyWords) {
    EXPECT_EQ(groupByShape({"", "a", ""}), (Groups{{"", ""}, {"a"}}));
}

TEST(WordShapes, WholeAlphabet) {
    EXPECT_EQ(groupByShape({"zyxwvutsrqponmlkjihgfedcba", "abcdefghijklmnopqrstuvwxyz"}),
              (Groups{{"abcdefghijklmnopqrstuvwxyz", "zyxwvutsrqponmlkjihgfedcba"}}));
}
