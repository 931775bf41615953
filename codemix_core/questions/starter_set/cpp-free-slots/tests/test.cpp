#include <gtest/gtest.h>
#include "../solution/solution.cpp"

using Slots = std::vector<std::pair<int, int>>;

TEST(FreeSlots, NoAppointments) {
    EXPECT_EQ(freeSlots({}, 10, 50, 1), (Slots{{10, 50}}));
    EXPECT_EQ(freeSlots({}, 10, 50, 40), (Slots{{10, 50}}));
    EXPECT_EQ(freeSlots({}, 10, 50, 41), Slots{});
}

TEST(FreeSlots, NeverOpen) { EXPECT_EQ(freeSlots({}, 10, 10, 1), Slots{}); }

TEST(FreeSlots, BeforeBetweenAndAfter) {
    EXPECT_EQ(freeSlots({{20, 30}, {40, 45}}, 10, 60, 5), (Slots{{10, 20}, {30, 40}, {45, 60}}));
}

TEST(FreeSlots, AnyOrder) {
    EXPECT_EQ(freeSlots({{40, 45}, {20, 30}}, 10, 60, 5), (Slots{{10, 20}, {30, 40}, {45, 60}}));
}

TEST(FreeSlots, ShortStretchesAreLeftOut) {
    EXPECT_EQ(freeSlots({{20, 30}, {40, 45}}, 10, 60, 11), (Slots{{45, 60}}));
    EXPECT_EQ(freeSlots({{11, 30}, {32, 45}}, 10, 46, 1), (Slots{{10, 11}, {30, 32}, {45, 46}}));
    EXPECT_EQ(freeSlots({{11, 30}, {32, 45}}, 10, 46, 2), (Slots{{30, 32}}));
}

TEST(FreeSlots, OverlappingAndNestedAppointments) {
    EXPECT_EQ(freeSlots({{20, 40}, {30, 50}}, 10, 60, 1), (Slots{{10, 20}, {50, 60}}));
    EXPECT_EQ(freeSlots({{20, 50}, {25, 30}}, 10, 60, 1), (Slots{{10, 20}, {50, 60}}));
}

TEST(FreeSlots, TouchingAppointmentsLeaveNothing) {
    EXPECT_EQ(freeSlots({{10, 30}, {30, 60}}, 10, 60, 1), Slots{});
}

TEST(FreeSlots, AppointmentsOutsideTheHours) {
    EXPECT_EQ(freeSlots({{0, 5}, {70, 80}}, 10, 60, 1), (Slots{{10, 60}}));
    EXPECT_EQ(freeSlots({{0, 15}, {55, 80}}, 10, 60, 1), (Slots{{15, 55}}));
    EXPECT_EQ(freeSlots({{0, 100}}, 10, 60, 1), Slots{});
    EXPECT_EQ(freeSlots({{70, 80}, {90, 95}}, 10, 60, 1), (Slots{{10, 60}}));
}

TEST(FreeSlots, EqualAppointments) {
    EXPECT_EQ(freeSlots({{20, 30}, {20, 30}}, 0, 40, 10), (Slots{{0, 20}, {30, 40}}));
}
