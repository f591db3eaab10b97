// home.js: the start page.
import { frame, restoreTheme } from "./page.js";

restoreTheme();
frame();
