// page-checks.js: what a page must be for every visitor, looked at from inside the page: contrast, focus, names, width.

/** Pairs of text and background below the contrast that WCAG 2.2 AA asks for; what is disabled is left out, as there. */
export function faintTexts() {
  const canvas = document.createElement("canvas");
  canvas.width = 1;
  canvas.height = 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((c, i) => c * a + under[i] * (1 - a));
  const backgroundOf = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    return layers.reduceRight((under, layer) => over(layer, under), [255, 255, 255]);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    if (!text || !element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    if (element.closest(":disabled, [inert], script, style, svg, option")) continue;
    if (element.closest("label")?.querySelector(":disabled")) continue;
    const { color, fontSize, fontWeight } = getComputedStyle(element);
    if (rgba(color)[3] === 0) continue;
    const background = backgroundOf(element);
    const [a, b] = [light(over(rgba(color), background)), light(background)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const size = Number.parseFloat(fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5))
      found.push(`${ratio.toFixed(2)} "${text.slice(0, 40)}" in ${element.tagName}.${element.className}`);
  }
  return found;
}

/** What the element that has the focus is called, and whether a visitor sees that it has it. */
export function focused() {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const outlined = (one) => {
    const style = one && getComputedStyle(one);
    return Boolean(style) && style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) >= 2;
  };
  const label = element.labels?.[0]?.textContent ?? "";
  const name = element.getAttribute("aria-label") ?? (label.trim() || element.textContent.trim() || element.title);
  const isSeen =
    outlined(element) ||
    outlined(element.nextElementSibling) ||
    getComputedStyle(element).backgroundColor === "rgba(0, 0, 0, 0.733)";
  return { key: `${element.tagName}#${element.id} ${name}`, name, isSeen };
}

/** Faults of structure: headings, language, names of controls and pictures. */
export function structure() {
  const faults = [];
  if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
  if (!document.documentElement.lang) faults.push("no language");
  if (!document.title) faults.push("no title");
  for (const image of document.querySelectorAll("img:not([alt])")) faults.push(`no alt: ${image.src}`);
  const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
  for (const id of new Set(ids)) if (ids.filter((one) => one === id).length > 1) faults.push(`two of #${id}`);
  for (const control of document.querySelectorAll("input, select, textarea")) {
    if (control.labels.length === 0 && !control.getAttribute("aria-label")) faults.push(`no label: #${control.id}`);
  }
  return faults;
}

/** How far the page is wider than the window. */
export const overhang = () => document.documentElement.scrollWidth - innerWidth;
