#include <gtest/gtest.h>
#include "../solution/solution.cpp"

// Sets the parity bit so that the number of ones is even.
static std::uint32_t sealed(std::uint32_t bits) {
    return __builtin_popcount(bits) % 2 ? bits | 0x80000000u : bits;
}

static std::uint32_t frameOf(int value, std::uint32_t shift, std::uint32_t mask = 0) {
    return sealed((static_cast<std::uint32_t>(value) & 0xFFFu) | (shift << 12) | (mask << 16));
}

TEST(SignalFrames, Zero) {
    EXPECT_EQ(decodeFrame(0), 0);
    EXPECT_EQ(decodeFrame(frameOf(0, 15)), 0);
}

TEST(SignalFrames, PositiveValues) {
    EXPECT_EQ(decodeFrame(0x00000003u), 3);
    EXPECT_EQ(decodeFrame(0x80000001u), 1);
    EXPECT_EQ(decodeFrame(frameOf(2047, 0)), 2047);
    EXPECT_EQ(decodeFrame(frameOf(1365, 0)), 1365);
}

TEST(SignalFrames, NegativeValues) {
    EXPECT_EQ(decodeFrame(frameOf(-1, 0)), -1);
    EXPECT_EQ(decodeFrame(frameOf(-2048, 0)), -2048);
    EXPECT_EQ(decodeFrame(frameOf(-2047, 0)), -2047);
    EXPECT_EQ(decodeFrame(frameOf(-683, 0)), -683);
}

TEST(SignalFrames, Shifts) {
    for (std::uint32_t shift = 0; shift < 16; shift++) {
        EXPECT_EQ(decodeFrame(frameOf(5, shift)), 5 * (1 << shift)) << shift;
        EXPECT_EQ(decodeFrame(frameOf(-3, shift)), -3 * (1 << shift)) << shift;
    }
}

TEST(SignalFrames, ExtremeProducts) {
    EXPECT_EQ(decodeFrame(frameOf(2047, 15)), 67076096);
    EXPECT_EQ(decodeFrame(frameOf(-2048, 15)), -67108864);
}

TEST(SignalFrames, TheMaskIsIgnored) {
    EXPECT_EQ(decodeFrame(frameOf(9, 2, 0x7FFF)), 36);
    EXPECT_EQ(decodeFrame(frameOf(-9, 1, 0x5555)), -18);
    EXPECT_EQ(decodeFrame(frameOf(1, 0, 1)), 1);
}

TEST(SignalFrames, WrongParity) {
    EXPECT_EQ(decodeFrame(1), INT_MIN);
    EXPECT_EQ(decodeFrame(0x80000000u), INT_MIN);
    EXPECT_EQ(decodeFrame(0xFFFFFFFEu), INT_MIN);
    EXPECT_EQ(decodeFrame(frameOf(100, 3) ^ 0x00010000u), INT_MIN);
}

TEST(SignalFrames, AllOnes) { EXPECT_EQ(decodeFrame(0xFFFFFFFFu), -32768); }
