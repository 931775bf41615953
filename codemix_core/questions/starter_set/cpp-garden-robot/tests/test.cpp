#include <gtest/gtest.h>
#include "../solution/solution.cpp"

using Lawn = std::vector<std::string>;

static Lawn after(Lawn lawn, const std::string& program, int mown) {
    EXPECT_EQ(mow(lawn, program), mown) << program;
    return lawn;
}

TEST(GardenRobot, TheFirstPlaceIsMown) {
    EXPECT_EQ(after({"\"\"", "\"\""}, "", 1), (Lawn{".\"", "\"\""}));
    EXPECT_EQ(after({".\""}, "", 0), (Lawn{".\""}));
}

TEST(GardenRobot, StraightOn) {
    EXPECT_EQ(after({"\"\"\"\""}, "FF", 3), (Lawn{"...\""}));
}

TEST(GardenRobot, ShortGrassIsNotCounted) {
    EXPECT_EQ(after({"\".\""}, "FF", 2), (Lawn{"..."}));
}

TEST(GardenRobot, Turns) {
    EXPECT_EQ(after({"\"\"", "\"\""}, "RF", 2), (Lawn{".\"", ".\""}));
    EXPECT_EQ(after({"\"\"", "\"\""}, "FRFRF", 4), (Lawn{"..", ".."}));
    EXPECT_EQ(after({"\"\"", "\"\""}, "RFLF", 3), (Lawn{".\"", ".."}));
    EXPECT_EQ(after({"\"\"", "\"\""}, "FFBBFLF", 3), (Lawn{"..", "\"."}));
}

TEST(GardenRobot, FourTurnsAreNone) {
    EXPECT_EQ(after({"\"\""}, "RRRRF", 2), (Lawn{".."}));
    EXPECT_EQ(after({"\"\""}, "LLLLF", 2), (Lawn{".."}));
    EXPECT_EQ(after({"\"\""}, "BBF", 2), (Lawn{".."}));
    EXPECT_EQ(after({"\"\""}, "LLBF", 2), (Lawn{".."}));
}

TEST(GardenRobot, WalkingBack) {
    EXPECT_EQ(after({"\"\"\"", "\"\"\""}, "FFBFFLF", 4), (Lawn{"...", ".\"\""}));
    EXPECT_EQ(after({"\"\"", "\"\"", "\"\""}, "RFFBFRF", 4), (Lawn{".\"", "..", ".\""}));
}

TEST(GardenRobot, AtEveryEdgeTheRobotTurnsRight) {
    EXPECT_EQ(after({"\"\"\"", "\"\"\"", "\"\"\""}, "FFFFFFFFFFF", 8),
              (Lawn{"...", ".\".", "..."}));
    EXPECT_EQ(after({"\"\"", "\"\""}, "LFF", 2), (Lawn{"..", "\"\""}));
    EXPECT_EQ(after({"\"\"", "\"\""}, "BFRF", 2), (Lawn{"..", "\"\""}));
}

TEST(GardenRobot, TreesAreAvoided) {
    EXPECT_EQ(after({"\"T", "\"\""}, "FF", 2), (Lawn{".T", ".\""}));
    EXPECT_EQ(after({"\"\"", "T\""}, "RFFFF", 2), (Lawn{"..", "T\""}));
    EXPECT_EQ(after({"\"T", "T\""}, "FFFFF", 1), (Lawn{".T", "T\""}));
}

TEST(GardenRobot, WideAndTallLawns) {
    EXPECT_EQ(after({"\"\"\"\"\""}, "FFFFFFF", 5), (Lawn{"....."}));
    EXPECT_EQ(after({"\"", "\"", "\"", "\""}, "RFFFF", 4), (Lawn{".", ".", ".", "."}));
}

TEST(GardenRobot, TheSamePlaceIsMownOnce) {
    EXPECT_EQ(after({"\"\""}, "FBFBFBF", 2), (Lawn{".."}));
}
