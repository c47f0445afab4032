#include <sallyport/cli/destination_check.hpp>

#include <fmt/format.h>

namespace sallyport::cli {

result<void> check_destinations(const gate::settings& made, unsigned max_account_guesses) {
    if (!made.has_destinations())
        return fail(errc::usage,
                    "no backend is configured; add --backend ftp://HOST[:PORT], --forward-to for a forward proxy, or "
                    "--intercept on a router");
    // Guesses are counted by the user name alone. A client that chooses the server could use up those of any name at one of
    // its own, or log in there and be known at all others.
    if (max_account_guesses != 0 && (made.interception.is_enabled() || !made.forward_to.empty()))
        return fail(errc::usage,
                    fmt::format("--max-account-guesses limits accounts of your own servers, but with {} clients "
                                "choose the server; remove --max-account-guesses, or run another gateway with "
                                "--backend for your servers",
                                made.interception.is_enabled() ? "--intercept" : "--forward-to"));
    return {};
}

}  // namespace sallyport::cli
