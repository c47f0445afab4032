#include <sallyport/client/file_hash.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <span>
#include <vector>

#include <unistd.h>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <boost/crc.hpp>

#include <sallyport/base/ascii.hpp>

namespace sallyport::client {

namespace {

struct algorithm_row {
    hash_algorithm id;
    std::string_view name;
    /// The command for it alone, and the size of its hash in digits.
    std::string_view command;
    std::size_t digits;
};

/// In order of preference among the commands.
constexpr auto algorithms = std::to_array<algorithm_row>({
    {hash_algorithm::sha256, "SHA-256", "XSHA256", 64},
    {hash_algorithm::sha512, "SHA-512", "XSHA512", 128},
    {hash_algorithm::sha1, "SHA-1", "XSHA1", 40},
    {hash_algorithm::md5, "MD5", "XMD5", 32},
    {hash_algorithm::crc32, "CRC32", "XCRC", 8},
});

const algorithm_row& row_of(hash_algorithm a) { return *std::ranges::find(algorithms, a, &algorithm_row::id); }

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> out;
    while (true) {
        line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
        if (line.empty()) return out;
        const auto word = line.substr(0, line.find_first_of(" \t"));
        out.push_back(word);
        line.remove_prefix(word.size());
    }
}

bool is_hash(std::string_view word, std::size_t digits) {
    return word.size() == digits && word.find_first_not_of("0123456789abcdefABCDEF") == word.npos;
}

const algorithm_row* named_in(std::string_view word) {
    const auto found = std::ranges::find_if(algorithms, [word](const auto& row) { return iequals(row.name, word); });
    return found == algorithms.end() ? nullptr : &*found;
}

std::optional<file_hash> first_hash(std::span<const std::string_view> words, const algorithm_row& row) {
    for (const auto word : words)
        if (is_hash(word, row.digits)) return file_hash{row.id, to_lower(word)};
    return std::nullopt;
}

/// "213 SHA-256 0-49 6ecd90... name"
std::optional<file_hash> named_hash(const proto::reply& reply) {
    for (const auto& line : reply.lines) {
        const auto words = words_of(line);
        for (std::size_t i = 0; i < words.size(); ++i)
            if (const auto* row = named_in(words[i])) return first_hash(std::span(words).subspan(i + 1), *row);
    }
    return std::nullopt;
}

/// Reads the file block by block. An error is one of the local file.
template <class Take>
result<void> read_blocks(int file, std::uint64_t bytes, Take take) {
    std::vector<char> block(std::size_t{256} * 1024);
    for (std::uint64_t at = 0; at < bytes;) {
        const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), bytes - at));
        const auto n = ::pread(file, block.data(), wanted, static_cast<off_t>(at));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_os(errno, "reading the local file");
        if (n == 0) return fail(errc::truncated, "the local file became shorter while its hash was computed");
        take(block.data(), static_cast<std::size_t>(n));
        at += static_cast<std::uint64_t>(n);
    }
    return {};
}

const EVP_MD* digest_of(hash_algorithm a) {
    switch (a) {
        case hash_algorithm::sha512: return EVP_sha512();
        case hash_algorithm::sha1: return EVP_sha1();
        case hash_algorithm::md5: return EVP_md5();
        default: return EVP_sha256();
    }
}

result<std::string> crc_of(int file, std::uint64_t bytes) {
    boost::crc_32_type crc;
    const auto done = read_blocks(file, bytes, [&crc](const char* data, std::size_t n) { crc.process_bytes(data, n); });
    if (!done) return std::unexpected(done.error());
    return fmt::format("{:08x}", crc.checksum());
}

}  // namespace

std::string_view name(hash_algorithm a) noexcept { return row_of(a).name; }

std::string hash_command(const proto::feature_set& features) {
    if (features.hash) return "HASH";
    for (const auto& row : algorithms)
        if (std::ranges::find(features.checksums, row.command) != features.checksums.end()) return std::string(row.command);
    return {};
}

std::string hash_argument(std::string_view command, const std::string& path) {
    const bool needs_quotes = command != "HASH" && path.find(' ') != path.npos;
    return needs_quotes ? '"' + path + '"' : path;
}

std::optional<file_hash> hash_in(std::string_view command, const proto::reply& reply) {
    if (!reply.positive()) return std::nullopt;
    if (command == "HASH") return named_hash(reply);
    const auto row = std::ranges::find(algorithms, command, &algorithm_row::command);
    if (row == algorithms.end()) return std::nullopt;
    for (const auto& line : reply.lines)
        if (auto found = first_hash(words_of(line), *row)) return found;
    return std::nullopt;
}

result<std::string> hash_of(int file, std::uint64_t bytes, hash_algorithm algorithm) {
    if (algorithm == hash_algorithm::crc32) return crc_of(file, bytes);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    // MD5 and SHA-1 may be switched off in OpenSSL's configuration.
    if (!context || EVP_DigestInit_ex(context.get(), digest_of(algorithm), nullptr) != 1)
        return fail(errc::unsupported, fmt::format("OpenSSL on this machine has no {}", name(algorithm)));
    const auto done = read_blocks(
        file, bytes, [&context](const char* data, std::size_t n) { (void)EVP_DigestUpdate(context.get(), data, n); });
    if (!done) return std::unexpected(done.error());
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (EVP_DigestFinal_ex(context.get(), digest.data(), &size) != 1)
        return fail(errc::unsupported, fmt::format("OpenSSL could not compute the {}", name(algorithm)));
    std::string out;
    for (const auto byte : std::span(digest).first(size)) out += fmt::format("{:02x}", byte);
    return out;
}

}  // namespace sallyport::client
