#include <sallyport/client/part_file.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/listing.hpp>

namespace sallyport::client {

namespace {

std::string directory_of(const std::string& name) {
    const auto slash = name.rfind('/');
    return slash == name.npos ? "." : slash == 0 ? "/" : name.substr(0, slash);
}

/// The process that holds the lock on the file, from "1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF"; 0 if it is not
/// known.
std::uint64_t lock_holder(::ino_t inode) {
    std::ifstream locks("/proc/locks");
    const std::string wanted = ":" + std::to_string(inode);
    for (std::string line; std::getline(locks, line);) {
        std::array<std::string_view, 6> word;
        std::string_view rest = line;
        for (auto& w : word) {
            rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
            w = rest.substr(0, rest.find(' '));
            rest.remove_prefix(w.size());
        }
        if (word[1] == "FLOCK" && word[3] == "WRITE" && word[5].ends_with(wanted)) return parse_decimal(word[4]).value_or(0);
    }
    return 0;
}

/// Returns false if another process holds the lock. A file system without locks counts as success.
bool lock(int file) {
    while (::flock(file, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR) continue;
        return errno != EWOULDBLOCK;
    }
    return true;
}

}  // namespace

result<part_file> part_file::open(std::string name, bool resume) {
    part_file out;
    out.name_ = out.shown_ = std::move(name);
    if (const auto opened = out.open_names(resume); !opened) return std::unexpected(opened.error());
    return out;
}

result<part_file> part_file::open_in(unique_fd directory, std::string name, std::string shown, bool resume) {
    part_file out;
    out.directory_ = std::move(directory);
    out.name_ = std::move(name);
    out.shown_ = std::move(shown);
    // A link could lead out of the directory, and a device or pipe was not chosen by the user.
    struct ::stat about{};
    if (::fstatat(out.base(), out.name_.c_str(), &about, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(about.st_mode))
        return fail(S_ISDIR(about.st_mode) ? errc::is_a_directory : errc::not_a_file,
                    out.shown_ + " exists and is not a regular file; remove it, or choose another directory");
    if (const auto opened = out.open_names(resume); !opened) return std::unexpected(opened.error());
    return out;
}

int part_file::base() const noexcept { return directory_ ? directory_.get() : AT_FDCWD; }

result<void> part_file::open_names(bool resume) {
    struct ::stat about{};
    const bool exists = ::fstatat(base(), name_.c_str(), &about, 0) == 0;
    if (exists && S_ISDIR(about.st_mode)) return fail(errc::is_a_directory, shown_ + " is a directory; name a file in it");
    if (exists && !S_ISREG(about.st_mode)) {
        write_path_ = name_;
        fd_.reset(::openat(base(), name_.c_str(), O_WRONLY | O_CLOEXEC));
        if (!fd_) return fail_os(errno, shown_);
        return {};
    }
    write_path_ = name_ + ".part";
    if (auto opened = open_part(); !opened) return opened;
    if (::fstat(fd_.get(), &about) != 0) return fail_os(errno, shown_part());
    only_final_file_existed_ = exists && about.st_size == 0;
    if (resume)
        read_record();
    else if (about.st_size > 0 && ::ftruncate(fd_.get(), 0) != 0)
        return fail_os(errno, shown_part());
    return {};
}

/// Opens and locks FILE.part.
result<void> part_file::open_part() {
    constexpr int tries = 10;
    for (int i = 0; i < tries; ++i) {
        // A symbolic link named FILE.part could redirect the download, so it is not followed. FILE itself was chosen by the
        // user.
        fd_.reset(::openat(base(), write_path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666));
        if (!fd_) return fail_os(errno, shown_part());
        struct ::stat mine{};
        if (::fstat(fd_.get(), &mine) != 0) return fail_os(errno, shown_part());
        if (!S_ISREG(mine.st_mode)) return fail(errc::not_a_file, shown_part() + " is not a regular file; remove it");
        if (!lock(fd_.get())) {
            const auto process = lock_holder(mine.st_ino);
            return fail(errc::busy,
                        fmt::format("{}: {} is downloading to it; wait until it has finished{}", shown_part(),
                                    process == 0 ? "another process" : fmt::format("process {}", process), or_elsewhere()));
        }
        // The previous owner may have renamed or removed the file in the meantime.
        if (has_its_name()) {
            lock_.reset(::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0));
            return {};
        }
    }
    return fail(errc::busy, shown_part() + ": other processes keep replacing it; try again later" + or_elsewhere());
}

/// A file of a tree has the name that the tree gives it.
std::string part_file::or_elsewhere() const { return directory_ ? "" : ", or save under another name with -o FILE"; }

bool part_file::has_its_name() const {
    struct ::stat mine{};
    struct ::stat named{};
    return ::fstat(fd_.get(), &mine) == 0 && ::fstatat(base(), write_path_.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           named.st_dev == mine.st_dev && named.st_ino == mine.st_ino;
}

// ---- The record: "size 1000\nmodified 20260102150405\n"

void part_file::read_record() {
    std::array<char, 128> text{};
    const unique_fd file(::openat(base(), record_name().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    const auto n = file ? ::read(file.get(), text.data(), text.size()) : -1;
    if (n <= 0) return;
    std::string_view rest(text.data(), static_cast<std::size_t>(n));
    const auto value_of = [&rest](std::string_view key) {
        const auto end = rest.find('\n');
        if (!rest.starts_with(key) || end == rest.npos) return std::string_view();
        const auto value = rest.substr(key.size(), end - key.size());
        rest.remove_prefix(end + 1);
        return value;
    };
    const auto size = parse_decimal(value_of("size "));
    const auto modified = proto::parse_time(value_of("modified "));
    if (size && modified && rest.empty()) recorded_ = file_version{*size, *modified};
}

void part_file::remove_record() const { ::unlinkat(base(), record_name().c_str(), 0); }

void part_file::record(const std::optional<file_version>& version) {
    recorded_.reset();
    if (!is_part()) return;
    // A new file, so that no old record remains and no other file is overwritten.
    remove_record();
    if (!version) return;
    const unique_fd file(
        ::openat(base(), record_name().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666));
    if (!file) return;
    const auto text = fmt::format("size {}\nmodified {}\n", version->size, proto::format_time(version->modified));
    if (::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()))
        recorded_ = version;
    else
        remove_record();
}

// ---- Finishing

void part_file::set_modified(std::int64_t seconds) const {
    const std::array<timespec, 2> times{timespec{0, UTIME_OMIT}, timespec{static_cast<time_t>(seconds), 0}};
    (void)::futimens(fd_.get(), times.data());
}

result<void> part_file::commit() {
    // A file whose own name is FILE.part may have been put there meanwhile; it must not become FILE.
    if (is_part() && !has_its_name())
        return fail(errc::busy, shown_part() + " was replaced or removed during the download; download the file again");
    if (is_part() && ::fsync(fd_.get()) != 0) return fail_os(errno, "writing " + shown_part());
    // close() may report an earlier write error (NFS, quotas).
    if (::close(fd_.release()) != 0) return fail_os(errno, shown_part());
    if (!is_part()) return {};
    if (::renameat(base(), write_path_.c_str(), base(), name_.c_str()) != 0)
        return fail_os(errno, "renaming " + shown_part() + " to " + shown_);
    remove_record();
    const std::string directory = directory_of(name_);
    const unique_fd entries(::openat(base(), directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    // Some file systems cannot sync a directory, and some directories are not readable; the file exists anyway.
    if (entries && ::fsync(entries.get()) != 0 && errno == EIO) return fail_os(errno, "writing the directory " + directory);
    lock_.reset();
    return {};
}

std::string part_file::abandon() {
    struct ::stat about{};
    const int file = fd_ ? fd_.get() : lock_.get();
    if (file < 0 || ::fstat(file, &about) != 0 || !S_ISREG(about.st_mode)) return {};
    const bool has_data = about.st_size > 0;
    if (!has_data && is_part()) {
        ::unlinkat(base(), write_path_.c_str(), 0);
        remove_record();
    }
    fd_.reset();
    lock_.reset();
    return has_data ? shown_part() : std::string();
}

}  // namespace sallyport::client
