#include <gtest/gtest.h>
#include "../solution/solution.cpp"

TEST(RecentLog, ANewLogIsEmpty) {
    RecentLog log(3);
    EXPECT_EQ(log.size(), 0);
    EXPECT_EQ(log.lost(), 0);
    EXPECT_THROW(log.at(0), std::out_of_range);
}

TEST(RecentLog, CapacityMustBePositive) {
    EXPECT_THROW(RecentLog(0), std::invalid_argument);
    EXPECT_THROW(RecentLog(-1), std::invalid_argument);
    EXPECT_NO_THROW(RecentLog(1));
}

TEST(RecentLog, NewestLineFirst) {
    RecentLog log(3);
    log.add("a");
    log.add("b");
    EXPECT_EQ(log.size(), 2);
    EXPECT_EQ(log.at(0), "b");
    EXPECT_EQ(log.at(1), "a");
    EXPECT_EQ(log.lost(), 0);
}

TEST(RecentLog, TheOldestLineIsLost) {
    RecentLog log(3);
    for (const char* line : {"a", "b", "c", "d", "e"}) {
        log.add(line);
    }
    EXPECT_EQ(log.size(), 3);
    EXPECT_EQ(log.at(0), "e");
    EXPECT_EQ(log.at(1), "d");
    EXPECT_EQ(log.at(2), "c");
    EXPECT_EQ(log.lost(), 2);
}

TEST(RecentLog, AgesOutOfRange) {
    RecentLog log(3);
    log.add("a");
    log.add("b");
    EXPECT_THROW(log.at(2), std::out_of_range);
    EXPECT_THROW(log.at(-1), std::out_of_range);
    log.add("c");
    log.add("d");
    EXPECT_EQ(log.at(2), "b");
    EXPECT_THROW(log.at(3), std::out_of_range);
}

TEST(RecentLog, CapacityOne) {
    RecentLog log(1);
    log.add("a");
    EXPECT_EQ(log.at(0), "a");
    log.add("b");
    EXPECT_EQ(log.at(0), "b");
    EXPECT_EQ(log.size(), 1);
    EXPECT_EQ(log.lost(), 1);
}

TEST(RecentLog, ClearedLinesAreLost) {
    RecentLog log(2);
    log.add("a");
    log.add("b");
    log.add("c");
    log.clear();
    EXPECT_EQ(log.size(), 0);
    EXPECT_EQ(log.lost(), 3);
    EXPECT_THROW(log.at(0), std::out_of_range);
    log.add("d");
    EXPECT_EQ(log.size(), 1);
    EXPECT_EQ(log.at(0), "d");
    EXPECT_EQ(log.lost(), 3);
    EXPECT_THROW(log.at(1), std::out_of_range);
}

TEST(RecentLog, ManyLines) {
    RecentLog log(7);
    for (int i = 0; i < 1000; i++) {
        log.add(std::to_string(i));
    }
    for (int age = 0; age < 7; age++) {
        EXPECT_EQ(log.at(age), std::to_string(999 - age));
    }
    EXPECT_EQ(log.lost(), 993);
}
