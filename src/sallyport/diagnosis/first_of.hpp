#pragma once
// Finds the first element with a property. Private to this directory. A pure function; any thread.

#include <algorithm>
#include <vector>

namespace sallyport::diagnosis {

/// nullptr if `is` holds for none. The element belongs to the list.
template <class T, class Function>
[[nodiscard]] const T* first_of(const std::vector<T>& all, Function is) noexcept {
    const auto found = std::ranges::find_if(all, is);
    return found == all.end() ? nullptr : &*found;
}

}  // namespace sallyport::diagnosis
