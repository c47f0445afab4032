#pragma once
// How a transfer ended, judged by everything that is known of it. A pure function; any thread.
//
// A transfer is a success if the server says so (a final 2xx), if the bytes agree with the size that is known, and if the
// data ended in good order: under TLS with close_notify. The last of the three is only worth a warning once the first two
// hold: then every byte arrived, and what came after them changes nothing.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/proto/client_machine.hpp>

namespace sallyport::client {

enum class direction : std::uint8_t { download, upload };

/// What is known of a transfer once its data and its replies have ended. Sizes are those of the whole file, also where only
/// the rest of it was transferred, and they are missing where they can't be compared (TYPE A, listings).
struct transfer_facts {
    direction transfer_direction = direction::download;
    bool started = false;                          // data could flow
    std::uint64_t bytes = 0;                       // received or sent
    std::optional<std::uint64_t> expected;         // what the sender has: the server's SIZE, the local file's length
    std::optional<std::uint64_t> stored;           // upload: what SIZE says of the server's file afterwards
    std::optional<error> data_failure;             // how the data ended; nothing: in good order
    bool is_local = false;                         // data_failure is the local file's
    std::optional<proto::client_failure> control;  // nothing: the server confirmed the transfer
};

struct verdict {
    std::optional<proto::client_failure> failure;  // nothing: success
    std::vector<std::string> warnings;
};

[[nodiscard]] verdict judge(const transfer_facts& facts);

}  // namespace sallyport::client
