#include <sallyport/cli/handover.hpp>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sallyport/base/ascii.hpp>

extern char** environ;

namespace sallyport::cli {
namespace {

constexpr auto variable = "SALLYPORT_HANDOVER";   // how many sockets there are; the line comes after them
constexpr auto down_variable = "SALLYPORT_DOWN";  // names, with blanks between them
constexpr int first_descriptor = 3;
constexpr std::uint64_t most_sockets = 4096;

/// The line to the predecessor, from the start to its end.
unique_fd& line() {
    static unique_fd fd;
    return fd;
}

[[nodiscard]] std::vector<std::string> own_words() {
    std::ifstream in("/proc/self/cmdline", std::ios::binary);
    const std::string all(std::istreambuf_iterator<char>(in), {});
    std::vector<std::string> words;
    for (std::size_t at = 0; at < all.size();) {
        const auto end = all.find('\0', at);
        words.push_back(all.substr(at, end - at));
        at = end == std::string::npos ? all.size() : end + 1;
    }
    return words;
}

[[nodiscard]] std::vector<char*> pointers_to(std::vector<std::string>& words) {
    std::vector<char*> out;
    for (auto& word : words) out.push_back(word.data());
    out.push_back(nullptr);
    return out;
}

/// Descriptors for a child, out of the way of the numbers they get there.
class placement {
public:
    placement() { ::posix_spawn_file_actions_init(&actions_); }
    ~placement() { ::posix_spawn_file_actions_destroy(&actions_); }
    placement(const placement&) = delete;
    placement& operator=(const placement&) = delete;

    [[nodiscard]] bool add(int fd, int as, int above) {
        unique_fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, above));
        if (!copy || ::posix_spawn_file_actions_adddup2(&actions_, copy.get(), as) != 0) return false;
        copies_.push_back(std::move(copy));
        return true;
    }
    [[nodiscard]] const posix_spawn_file_actions_t* get() const noexcept { return &actions_; }

private:
    posix_spawn_file_actions_t actions_{};
    std::vector<unique_fd> copies_;
};

/// A message of one byte, with room for a descriptor (unix(7)).
struct parcel {
    parcel() {
        message.msg_iov = &bytes;
        message.msg_iovlen = 1;
        message.msg_control = room.data();
        message.msg_controllen = room.size();
    }
    parcel(const parcel&) = delete;
    parcel& operator=(const parcel&) = delete;

    char byte = 0;
    iovec bytes{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
    msghdr message{};
};

}  // namespace

inheritance take_inheritance() {
    const char* const told = std::getenv(variable);
    const auto count = told == nullptr ? std::nullopt : parse_decimal(told, most_sockets);
    const char* const down = std::getenv(down_variable);
    inheritance out;
    if (count && down != nullptr) {
        std::istringstream names(down);
        out.down.assign(std::istream_iterator<std::string>(names), {});
    }
    ::unsetenv(variable);
    ::unsetenv(down_variable);
    if (!count) return out;
    for (int fd = first_descriptor; fd <= first_descriptor + static_cast<int>(*count); ++fd) {
        ::fcntl(fd, F_SETFD, FD_CLOEXEC);
        out.sockets.emplace_back(fd);
    }
    line() = std::move(out.sockets.back());
    out.sockets.pop_back();
    return out;
}

bool has_predecessor() noexcept { return static_cast<bool>(line()); }

void tell_predecessor(std::string_view failure) {
    if (!line()) return;
    const std::string text = failure.empty() ? "ready\n" : fmt::format("{}\n", failure);
    (void)::send(line().get(), text.data(), text.size(), MSG_NOSIGNAL);
}

unique_fd predecessor_line() { return line() ? unique_fd(::fcntl(line().get(), F_DUPFD_CLOEXEC, 0)) : unique_fd(); }

bool pass_to_predecessor(int connection) {
    if (!line()) return false;
    parcel sent;
    auto* const rights = CMSG_FIRSTHDR(&sent.message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof connection);
    std::memcpy(CMSG_DATA(rights), &connection, sizeof connection);
    return ::sendmsg(line().get(), &sent.message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
}

result<unique_fd> take_passed(int line) {
    parcel got;
    const auto n = ::recvmsg(line, &got.message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return fail(errc::busy);
    const auto* const rights = CMSG_FIRSTHDR(&got.message);
    if (n <= 0 || rights == nullptr || rights->cmsg_type != SCM_RIGHTS) return fail(errc::closed);
    int connection = -1;
    std::memcpy(&connection, CMSG_DATA(rights), sizeof connection);
    return unique_fd(connection);
}

result<successor> start_successor(const std::string& program, const estate& what) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return fail_os(errno, "socketpair");
    successor out{.pid = 0, .line = unique_fd(ends[0])};
    const unique_fd theirs(ends[1]);
    ::fcntl(out.line.get(), F_SETFL, O_NONBLOCK);

    placement places;
    const int above = first_descriptor + static_cast<int>(what.sockets.size()) + 1;
    int next = first_descriptor;
    bool placed = true;
    for (const int fd : what.sockets) placed = placed && places.add(fd, next++, above);
    placed = placed && places.add(theirs.get(), next, above);
    if (!placed) return fail_os(errno, "no descriptors left for a successor");

    auto words = own_words();
    std::vector<std::string> environment{fmt::format("{}={}", variable, what.sockets.size()),
                                         fmt::format("{}={}", down_variable, fmt::join(what.down, " "))};
    for (char** e = environ; *e != nullptr; ++e) environment.emplace_back(*e);
    auto argv = pointers_to(words);
    auto envp = pointers_to(environment);
    const int os = ::posix_spawn(&out.pid, program.c_str(), places.get(), nullptr, argv.data(), envp.data());
    if (os != 0) return fail_os(os, fmt::format("{} can't be started", program));
    return out;
}

std::string own_program() {
    std::array<char, 4096> path{};
    const auto n = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
    return n > 0 ? std::string(path.data(), static_cast<std::size_t>(n)) : std::string();
}

}  // namespace sallyport::cli
