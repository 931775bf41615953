#include <utility>
#include <vector>

std::vector<std::vector<int>> shiftRing(std::vector<std::vector<int>> table) {
    if (table.size() < 2 || table[0].size() < 2) {
        return table;
    }
    int bottom = static_cast<int>(table.size()) - 1;
    int right = static_cast<int>(table[0].size()) - 1;
    std::vector<std::pair<int, int>> ring;
    for (int column = 0; column < right; column++) {
        ring.emplace_back(0, column);
    }
    for (int row = 0; row < bottom; row++) {
        ring.emplace_back(row, right);
    }
    for (int column = right; column > 0; column--) {
        ring.emplace_back(bottom, column);
    }
    for (int row = bottom; row > 0; row--) {
        ring.emplace_back(row, 0);
    }
    for (const auto& [row, column] : ring) {
        std::swap(table[row][column], table[0][0]);
    }
    return table;
}
