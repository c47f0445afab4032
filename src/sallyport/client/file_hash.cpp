#include <sallyport/client/file_hash.hpp>

#include <algorithm>
#include <cerrno>
#include <span>
#include <vector>

#include <unistd.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/net/hasher.hpp>
#include <sallyport/proto/hash_commands.hpp>
#include <sallyport/proto/words.hpp>

namespace sallyport::client {

namespace {

bool is_hash(std::string_view word, std::size_t digits) {
    return word.size() == digits && word.find_first_not_of("0123456789abcdefABCDEF") == word.npos;
}

std::optional<file_hash> first_hash(proto::words rest, hash_algorithm algorithm) {
    for (auto word = rest.next(); !word.empty(); word = rest.next())
        if (is_hash(word, row_of(algorithm).digits)) return file_hash{algorithm, to_lower(word)};
    return std::nullopt;
}

/// "213 SHA-256 0-49 6ecd90... name"
std::optional<file_hash> named_hash(const proto::reply& reply) {
    for (const auto& line : reply.lines) {
        proto::words rest(line);
        for (auto word = rest.next(); !word.empty(); word = rest.next())
            if (const auto named = parse_hash_algorithm(word)) return first_hash(rest, *named);
    }
    return std::nullopt;
}

}  // namespace

std::string hash_command(const proto::feature_set& features) {
    if (features.hash) return "HASH";
    for (const auto& [id, algorithm] : proto::hash_commands) {
        const std::string command(proto::row_of(id).name);
        if (std::ranges::find(features.checksums, command) != features.checksums.end()) return command;
    }
    return {};
}

std::string hash_argument(std::string_view command, const std::string& path) {
    const bool needs_quotes = command != "HASH" && path.find(' ') != path.npos;
    return needs_quotes ? '"' + path + '"' : path;
}

std::optional<file_hash> hash_in(std::string_view command, const proto::reply& reply) {
    if (!reply.positive()) return std::nullopt;
    if (command == "HASH") return named_hash(reply);
    const auto algorithm = proto::algorithm_of(proto::find_verb(command));
    if (!algorithm) return std::nullopt;
    for (const auto& line : reply.lines)
        if (auto found = first_hash(proto::words(line), *algorithm)) return found;
    return std::nullopt;
}

result<std::string> hash_of(int file, std::uint64_t bytes, hash_algorithm algorithm) {
    auto hash = net::hasher::make(algorithm);
    if (!hash) return std::unexpected(hash.error());
    std::vector<char> block(std::size_t{256} * 1024);
    for (std::uint64_t at = 0; at < bytes;) {
        const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), bytes - at));
        const auto n = ::pread(file, block.data(), wanted, static_cast<off_t>(at));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_os(errno, "reading the local file");
        if (n == 0) return fail(errc::truncated, "the local file became shorter while its hash was computed");
        hash->add(std::span(block).first(static_cast<std::size_t>(n)));
        at += static_cast<std::uint64_t>(n);
    }
    return hash->finish();
}

}  // namespace sallyport::client
