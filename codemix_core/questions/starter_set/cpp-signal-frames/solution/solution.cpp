#include <climits>
#include <cstdint>

int decodeFrame(std::uint32_t frame) {
    bool odd = false;
    for (std::uint32_t rest = frame; rest != 0; rest &= rest - 1) {
        odd = !odd;
    }
    if (odd) {
        return INT_MIN;
    }
    int value = frame & 0xFFF;
    if (value & 0x800) {
        value -= 0x1000;
    }
    int shift = (frame >> 12) & 0xF;
    return value * (1 << shift);
}
