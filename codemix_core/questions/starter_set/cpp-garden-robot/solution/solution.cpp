#include <string>
#include <vector>

static int cut(char& place) {
    if (place != '"') {
        return 0;
    }
    place = '.';
    return 1;
}

int mow(std::vector<std::string>& lawn, const std::string& program) {
    const int down[] = {0, 1, 0, -1};
    const int right[] = {1, 0, -1, 0};
    const int rows = static_cast<int>(lawn.size());
    const int columns = static_cast<int>(lawn[0].size());
    int row = 0, column = 0, direction = 0;
    int mown = cut(lawn[0][0]);
    for (char command : program) {
        int turn = command == 'R' ? 1 : command == 'B' ? 2 : command == 'L' ? 3 : 0;
        if (command == 'F') {
            int r = row + down[direction];
            int c = column + right[direction];
            if (r >= 0 && r < rows && c >= 0 && c < columns && lawn[r][c] != 'T') {
                row = r;
                column = c;
                mown += cut(lawn[r][c]);
            } else {
                turn = 1;
            }
        }
        direction = (direction + turn) % 4;
    }
    return mown;
}
