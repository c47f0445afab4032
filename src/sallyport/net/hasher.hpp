#pragma once
// Hashes of bytes that are passed piece by piece: those of OpenSSL, and CRC-32.
//
// A value, owned by its user; one thread at a time. Nothing blocks, but a large piece takes its time.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <sallyport/base/error.hpp>
#include <sallyport/base/hash_algorithm.hpp>

namespace sallyport::net {

class hasher {
public:
    /// errc::unsupported if OpenSSL does not provide the algorithm: its configuration may forbid MD5 and SHA-1.
    [[nodiscard]] static result<hasher> make(hash_algorithm algorithm);

    void add(std::span<const char> bytes);
    /// The hash of everything that was added, in hexadecimal form and lower case. Called once, after the last add().
    [[nodiscard]] result<std::string> finish();

private:
    struct state;
    struct destroy {
        void operator()(state* s) const noexcept;
    };
    explicit hasher(std::unique_ptr<state, destroy> s) : state_(std::move(s)) {}

    std::unique_ptr<state, destroy> state_;
};

}  // namespace sallyport::net
