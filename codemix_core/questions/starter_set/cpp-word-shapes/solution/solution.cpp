#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

static std::string shapeOf(const std::string& word) {
    std::unordered_map<char, char> number;
    std::string shape;
    for (char letter : word) {
        number.emplace(letter, static_cast<char>('a' + number.size()));
        shape += number[letter];
    }
    return shape;
}

std::vector<std::vector<std::string>> groupByShape(const std::vector<std::string>& words) {
    std::unordered_map<std::string, std::vector<std::string>> byShape;
    for (const std::string& word : words) {
        byShape[shapeOf(word)].push_back(word);
    }
    std::vector<std::vector<std::string>> groups;
    for (auto& [shape, group] : byShape) {
        std::sort(group.begin(), group.end());
        groups.push_back(group);
    }
    std::sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) {
        return a.size() != b.size() ? a.size() > b.size() : a[0] < b[0];
    });
    return groups;
}
