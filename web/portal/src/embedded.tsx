// The page `/ui`: an iframe that the builder's SDK makes and drives.

import { SdkHost } from "./host/sdk-host";
import "./styles/all.css";
import { mount } from "./ui/mount";

if (window.parent !== window) {
  document.documentElement.classList.add("embedded");
  mount(new SdkHost({ window, parent: window.parent }));
}
