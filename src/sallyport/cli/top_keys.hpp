#pragma once
// The keys of `top`: what was typed changes the view. Values without a terminal; one thread.

#include <string>
#include <string_view>

#include <sallyport/cli/top_view.hpp>

namespace sallyport::cli {

class top_keys {
public:
    /// `view` outlives this object.
    explicit top_keys(top_view& view) : view_(view) {}

    /// Takes what has been typed; a key of several bytes, such as an arrow, is never split. `shown`: the screen before.
    /// Returns false once the user wants to quit.
    [[nodiscard]] bool take(std::string_view typed, const top_screen& shown);

private:
    [[nodiscard]] bool take_key(std::string_view key, const top_screen& shown);
    void take_in_filter(std::string_view key);
    void scroll(std::string_view key, const top_screen& shown);
    void show_filter();

    top_view& view_;
    // A filter is being typed.
    bool typing_ = false;
    std::string typed_;
};

}  // namespace sallyport::cli
