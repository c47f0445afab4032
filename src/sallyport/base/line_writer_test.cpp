#include <sallyport/base/line_writer.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace sallyport {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using clock = std::chrono::steady_clock;

/// "7 lines are missing in X: Y" as 7; any other line is none.
std::uint64_t missing_of(const std::string& line) {
    return line.find(" missing in ") == std::string::npos ? 0 : std::stoull(line);
}

class LineWriter : public testing::Test {
protected:
    void TearDown() override { fs::remove_all(folder); }

    [[nodiscard]] std::string fifo() const {
        const std::string name = folder / "fifo";
        EXPECT_EQ(::mkfifo(name.c_str(), 0600), 0);
        return name;
    }
    /// Fills the FIFO that a writer has opened, so that no line fits until a reader reads from it.
    static void fill(const std::string& name) {
        const unique_fd end(::open(name.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
        while (::write(end.get(), "filling\n", 8) == 8) {
        }
        EXPECT_EQ(errno, EAGAIN);
    }
    /// Reads until the writer closes the FIFO, and drops the bytes of the filling.
    [[nodiscard]] static std::vector<std::string> read_all(const std::string& name) {
        std::ifstream in(name);
        std::vector<std::string> lines;
        for (std::string line; std::getline(in, line);)
            if (line != "filling") lines.push_back(line);
        return lines;
    }
    [[nodiscard]] static std::string text_of(const std::string& name) {
        std::ifstream in(name);
        return {std::istreambuf_iterator<char>(in), {}};
    }

    fs::path folder = [] {
        std::string name = fs::temp_directory_path() / "line-writer-XXXXXX";
        return fs::path(::mkdtemp(name.data()));
    }();
};

TEST_F(LineWriter, DropsTheOldestLinesOfAReaderThatStoppedAndReportsHowMany_RX06) {
    constexpr std::uint64_t written = 3000;
    const std::string name = fifo();
    auto lines = *line_writer::open(name, {.thread = "test", .queue = 64});
    fill(name);
    for (std::uint64_t i = 0; i < written; ++i) lines->write(log::level::info, std::to_string(i) + std::string(200, '.'));
    EXPECT_FALSE(lines->flush(clock::now() + 50ms)) << "without a reader it can't be over";
    EXPECT_GT(lines->lost(), 0U);

    auto reader = std::async(std::launch::async, read_all, name);
    EXPECT_TRUE(lines->flush(clock::now() + 20s));
    const auto lost = lines->lost();
    lines.reset();
    const auto got = reader.get();
    std::uint64_t missing = 0;
    std::uint64_t kept = 0;
    // The report of the last loss may follow it.
    std::string last;
    for (const auto& line : got) {
        missing += missing_of(line);
        if (!line.ends_with("...")) continue;
        ++kept;
        last = line;
    }
    EXPECT_EQ(kept + missing, written);
    EXPECT_EQ(missing, lost);
    ASSERT_GE(kept, 60U) << "the queue is kept, apart from what a request to flush displaced";
    EXPECT_TRUE(last.starts_with(std::to_string(written - 1) + ".")) << last;
}

TEST_F(LineWriter, WritesWhatIsQueuedAlsoAfterItsOwnerIsGone) {
    const std::string name = fifo();
    auto lines = *line_writer::open(name, {.thread = "test", .queue = 1000});
    fill(name);
    for (int i = 0; i < 600; ++i) lines->write(log::level::info, std::to_string(i) + std::string(200, '.'));
    EXPECT_FALSE(lines->flush(clock::now()));
    // Blocks if the destructor waits for the reader.
    lines.reset();
    EXPECT_EQ(read_all(name).size(), 600U);
}

TEST_F(LineWriter, CountsWhatAFullDiskRefusesAndReportsItAtOnce) {
    std::vector<std::string> reports;
    line_writer::setup settings{
        .thread = "test", .queue = 1000, .report = [&](std::string_view line) { reports.emplace_back(line); }};
    auto lines = *line_writer::open("/dev/full", std::move(settings));
    for (int i = 0; i < 100; ++i) lines->write(log::level::info, "a line");
    EXPECT_TRUE(lines->flush(clock::now() + 10s));
    EXPECT_EQ(lines->lost(), 100U);
    lines.reset();
    std::uint64_t missing = 0;
    for (const auto& line : reports) missing += missing_of(line);
    EXPECT_EQ(missing, 100U);
    ASSERT_GE(reports.size(), 2U);
    EXPECT_LT(reports.size(), 20U) << "one report a second, not one a line";
    EXPECT_EQ(reports.front(), "1 line is missing in /dev/full: No space left on device; free some space there");
}

TEST_F(LineWriter, ReportsInTheFileItselfOnceThereIsSpace) {
    const std::string name = folder / "log";
    fs::create_symlink("/dev/full", name);
    auto lines = *line_writer::open(name, {.thread = "test", .queue = 1000});
    for (int i = 0; i < 3; ++i) lines->write(log::level::info, "lost");
    EXPECT_TRUE(lines->flush(clock::now() + 10s));
    fs::remove(name);
    lines->reopen();
    lines->write(log::level::info, "kept");
    EXPECT_TRUE(lines->flush(clock::now() + 10s));
    EXPECT_EQ(text_of(name), "3 lines are missing in " + name + ": No space left on device; free some space there\nkept\n");
}

TEST_F(LineWriter, StaysWithTheOldFileWhereTheNewOneCannotBeOpened) {
    fs::create_directory(folder / "a");
    const std::string name = folder / "a" / "log";
    auto lines = *line_writer::open(name, {.thread = "test", .queue = 1000});
    fs::rename(folder / "a", folder / "b");
    lines->reopen();
    lines->write(log::level::info, "kept");
    EXPECT_TRUE(lines->flush(clock::now() + 10s));
    EXPECT_EQ(text_of(folder / "b" / "log"),
              "cannot reopen " + name + ": No such file or directory; keeping the old file open\nkept\n");
}

TEST_F(LineWriter, OutlivesTheReaderOfAPipe) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    line_writer lines(unique_fd(ends[1]), "a pipe", {.thread = "test", .queue = 1000});
    ::close(ends[0]);
    lines.write(log::level::info, "lost");
    EXPECT_TRUE(lines.flush(clock::now() + 10s)) << "without the blocked signal, SIGPIPE kills the process";
    EXPECT_EQ(lines.lost(), 1U);
}

TEST_F(LineWriter, KeepsADescriptorThatHasNoFile) {
    const std::string name = folder / "log";
    line_writer lines(unique_fd(::open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), "standard error",
                      {.thread = "test", .queue = 1000});
    lines.reopen();
    lines.write(log::level::info, "kept");
    EXPECT_TRUE(lines.flush(clock::now() + 10s));
    EXPECT_EQ(text_of(name), "kept\n");
    EXPECT_FALSE(fs::exists("standard error"));
}

TEST_F(LineWriter, OpensAgainAlsoWhereTheRequestWasOverrun) {
    const std::string name = fifo();
    auto lines = *line_writer::open(name, {.thread = "test", .queue = 8});
    fill(name);
    const unique_fd end(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    fs::rename(name, name + ".old");
    lines->write(log::level::info, std::string(200, '.'));
    lines->reopen();
    for (int i = 0; i < 50; ++i) lines->write(log::level::info, std::string(200, '.'));
    const auto reader = std::async(std::launch::async, [&] {
        std::array<char, 4096> block{};
        while (::read(end.get(), block.data(), block.size()) > 0) {
        }
    });
    EXPECT_TRUE(lines->flush(clock::now() + 20s));
    EXPECT_NE(text_of(name).find(" lines are missing in "), std::string::npos) << text_of(name);
}

/// A log daemon's socket, which gets each line as a datagram.
[[nodiscard]] unique_fd listen_at(const std::string& path) {
    sockaddr_un at{.sun_family = AF_UNIX, .sun_path = {}};
    path.copy(static_cast<char*>(at.sun_path), sizeof at.sun_path - 1);
    unique_fd out(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(out.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    return out;
}

[[nodiscard]] std::string datagram_from(const unique_fd& socket) {
    std::array<char, 200> block{};
    const auto size = ::recv(socket.get(), block.data(), block.size(), MSG_DONTWAIT);
    return size < 0 ? "nothing" : std::string(block.data(), static_cast<std::size_t>(size));
}

TEST_F(LineWriter, ASocketGetsEachLineAsADatagramAlsoAfterARestartOfItsDaemon) {
    const std::string path = folder / "socket";
    auto daemon = listen_at(path);
    auto writer = line_writer::open(path, {.thread = "test", .queue = 8});
    ASSERT_TRUE(writer);
    (*writer)->write(log::level::info, "one");
    (*writer)->write(log::level::info, "two");
    ASSERT_TRUE((*writer)->flush(clock::now() + 10s));
    EXPECT_EQ(datagram_from(daemon), "one\n");
    EXPECT_EQ(datagram_from(daemon), "two\n");

    daemon = {};
    (*writer)->write(log::level::info, "lost");
    ASSERT_TRUE((*writer)->flush(clock::now() + 10s));
    EXPECT_EQ((*writer)->lost(), 1);

    fs::remove(path);
    daemon = listen_at(path);
    (*writer)->write(log::level::info, "three");
    ASSERT_TRUE((*writer)->flush(clock::now() + 10s));
    const auto first = datagram_from(daemon);
    EXPECT_TRUE(first.starts_with("1 line is missing") || first == "three\n") << first;
}

}  // namespace
}  // namespace sallyport
