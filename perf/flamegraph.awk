# Draws a flame graph from folded stacks, sorted so that the callees of a frame stand together: each frame as wide as its
# share of the samples, callers below. Variables: title.
BEGIN {
    FS = "\t"
    WIDTH = 1600
    ROW = 17
    SIDE = 10
    HEAD = 40
}
{
    count = split($1, frames, ";")
    same = 0
    while (same < count && same < depth && frames[same + 1] == open[same + 1]) same++
    while (depth > same) close_frame()
    while (depth < count) {
        depth++
        open[depth] = frames[depth]
        begun[depth] = total
        if (depth > deepest) deepest = depth
    }
    total += $2
}
END {
    while (depth > 0) close_frame()
    if (!total) total = 1
    height = HEAD + (deepest + 2) * ROW
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n", WIDTH, height, WIDTH, height
    printf "<style>text{font:11px monospace;pointer-events:none}rect:hover{stroke:#000}</style>\n"
    printf "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
    printf "<text x=\"%d\" y=\"24\" style=\"font-size:16px\">%s</text>\n", SIDE, escaped(title)
    for (i = 1; i <= drawn; i++) draw(i)
    print "</svg>"
}

function close_frame() {
    drawn++
    name[drawn] = open[depth]
    from[drawn] = begun[depth]
    to[drawn] = total
    level[drawn] = depth
    depth--
}

function draw(i,    x, y, width, share, letters, text) {
    width = (to[i] - from[i]) / total * (WIDTH - 2 * SIDE)
    if (width < 0.3) return
    share = (to[i] - from[i]) / total * 100
    x = SIDE + from[i] / total * (WIDTH - 2 * SIDE)
    y = HEAD + (deepest - level[i]) * ROW
    printf "<g><rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"><title>%s: %.2f %%</title></rect>", \
        x, y, width, ROW - 1, color(name[i]), escaped(name[i]), share
    letters = int(width / 6.8) - 1
    if (letters >= 3) {
        text = length(name[i]) > letters ? substr(name[i], 1, letters - 2) ".." : name[i]
        printf "<text x=\"%.1f\" y=\"%d\">%s</text>", x + 3, y + ROW - 5, escaped(text)
    }
    print "</g>"
}

# Kernel frames are warm, klamm's own green, the rest blue; the shade follows from the name.
function color(frame,    hue, i, sum) {
    for (i = 1; i <= length(frame); i++) sum = (sum * 31 + index("abcdefghijklmnopqrstuvwxyz_:<>", substr(frame, i, 1))) % 997
    hue = frame ~ /_\[k\]$/ ? 20 + sum % 25 : frame ~ /klamm/ ? 100 + sum % 30 : 200 + sum % 30
    return rgb(hue, 0.65, (68 + sum % 12) / 100)
}

# In the form that every viewer knows.
function rgb(hue, saturation, light,    chroma) {
    chroma = saturation * (light < 0.5 ? light : 1 - light)
    return sprintf("#%02x%02x%02x", channel(0, hue, light, chroma), channel(8, hue, light, chroma), channel(4, hue, light, chroma))
}

function channel(shift, hue, light, chroma,    k, slope) {
    k = (shift + hue / 30) % 12
    slope = k - 3 < 9 - k ? k - 3 : 9 - k
    if (slope > 1) slope = 1
    if (slope < -1) slope = -1
    return int((light - chroma * slope) * 255 + 0.5)
}

function escaped(text) {
    gsub(/&/, "\\&amp;", text)
    gsub(/</, "\\&lt;", text)
    gsub(/>/, "\\&gt;", text)
    return text
}
