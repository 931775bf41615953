#include <cctype>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

static bool isNumber(const std::string& word) {
    size_t first = word[0] == '-' ? 1 : 0;
    for (size_t i = first; i < word.size(); i++) {
        if (!std::isdigit(static_cast<unsigned char>(word[i]))) {
            return false;
        }
    }
    return word.size() > first;
}

std::optional<long long> calculate(const std::string& program) {
    std::vector<long long> stack;
    std::istringstream words(program);
    std::string word;
    while (words >> word) {
        if (isNumber(word)) {
            stack.push_back(std::stoll(word));
            continue;
        }
        if (word == "dup" && stack.size() >= 1) {
            stack.push_back(stack.back());
            continue;
        }
        if (stack.size() < 2) {
            return std::nullopt;
        }
        long long b = stack.back();
        stack.pop_back();
        long long& a = stack.back();
        if (word == "add") {
            a += b;
        } else if (word == "sub") {
            a -= b;
        } else if (word == "mul") {
            a *= b;
        } else if (word == "swap") {
            std::swap(a, b);
            stack.push_back(b);
        } else {
            return std::nullopt;
        }
    }
    if (stack.size() != 1) {
        return std::nullopt;
    }
    return stack.back();
}
