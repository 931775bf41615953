#include <algorithm>
#include <utility>
#include <vector>

std::vector<std::pair<int, int>> freeSlots(std::vector<std::pair<int, int>> busy, int open,
                                           int close, int length) {
    std::sort(busy.begin(), busy.end());
    busy.emplace_back(close, close);
    std::vector<std::pair<int, int>> slots;
    int free = open;
    for (const auto& [start, end] : busy) {
        int until = std::min(start, close);
        if (until - free >= length) {
            slots.emplace_back(free, until);
        }
        free = std::max(free, end);
    }
    return slots;
}
